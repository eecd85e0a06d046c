// The backend's side of ACCESS_MODE=http (openapi.backend.yaml): decides, for zego-video-token, who may load which video,
// and who may enter which room. server.py does the same.
//   ACCESS_HTTP_SECRET=… PORT=9000 node server.mjs
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const { ACCESS_HTTP_SECRET: secret = '', PORT: port = '9000' } = process.env;
if (secret.length < 32) throw new Error('ACCESS_HTTP_SECRET must have at least 32 characters');

// Replace these by a look into your own database.
const users = new Map([['User_123', { suspended: false }]]);
const rooms = new Map([
  ['room_123', { members: ['User_123'], hosts: ['User_123'], videos: ['249850980283048'] }],
]);
const licences = new Map([['249850980283048', { until: 4102444800, countries: null }]]);

function decide({ kind = 'video', userId, roomId, videoId, publish, country }) {
  // What is not understood is never allowed.
  if (!['video', 'room', 'basic'].includes(kind)) throw new Error('an unknown kind');
  const user = users.get(userId);
  const room = rooms.get(roomId);
  const licence = licences.get(videoId);
  if (!user || user.suspended) return { allow: false, code: 'user_not_allowed' };
  if (kind === 'basic') return { allow: true, kind };
  if (!room?.members.includes(userId)) return { allow: false, code: 'room_not_allowed' };
  if (kind === 'room' && publish && !room.hosts.includes(userId)) {
    return { allow: false, code: 'publish_not_allowed' };
  }
  if (kind === 'room') return { allow: true, kind };
  if (!licence || !room.videos.includes(videoId))
    return { allow: false, code: 'video_not_allowed' };
  if (Date.now() / 1000 >= licence.until) return { allow: false, code: 'video_ended' };
  if (licence.countries && !licence.countries.includes(country)) {
    return { allow: false, code: 'region_not_allowed' };
  }
  return { allow: true, notAfter: licence.until };
}

const digest = (text) => createHash('sha256').update(text).digest();
const expected = digest(`Bearer ${secret}`);

createServer(async (request, response) => {
  if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
    return response.writeHead(401).end();
  }
  try {
    const question = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const answer = JSON.stringify(decide(question));
    console.log(question.requestId, answer);
    response.setHeader('content-type', 'application/json').end(answer);
  } catch {
    response.writeHead(400).end();
  }
}).listen(port, '127.0.0.1', () => console.log(`deciding on http://127.0.0.1:${port}`));
