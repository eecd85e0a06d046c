import { createCipheriv } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';
import { JWT_SECRET } from './requests.ts';

/**
 * What the field's samples do: Express, jsonwebtoken, a new cipher for each token, no access rule, one
 * line printed for each request. Secure randomness and the log line's content are kinder than theirs.
 */
const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';

function generateToken04(userId, payload) {
  const createdAt = Math.floor(Date.now() / 1000);
  const expire = createdAt + 3600;
  const nonce = Math.floor(Math.random() * 2 ** 31);
  const plaintext = { app_id: 1, user_id: userId, nonce, ctime: createdAt, expire, payload };
  const iv = Math.random().toString().slice(2, 18).padEnd(16, '0');
  const cipher = createCipheriv('aes-256-cbc', SECRET, iv);
  const encrypted = Buffer.concat([cipher.update(JSON.stringify(plaintext)), cipher.final()]);
  const head = Buffer.alloc(10);
  head.writeBigInt64BE(BigInt(expire));
  head.writeUInt16BE(iv.length, 8);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(encrypted.length);
  return `04${Buffer.concat([head, Buffer.from(iv), length, encrypted]).toString('base64')}`;
}

const app = express();
app.use(express.json());
app.get('/healthz', (_request, response) => response.json({}));
app.post('/video-token', (request, response) => {
  const credential = String(request.headers.authorization).replace('Bearer ', '');
  const { sub = '' } = jwt.verify(credential, JWT_SECRET);
  const { roomId, videoId } = request.body;
  const token = generateToken04(sub, JSON.stringify({ room_id: roomId, video_id: videoId }));
  console.log(`token for ${sub} in ${roomId}`);
  response.json({ token });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
