import { expect, it } from 'vitest';
import { useApp } from '../support/app.ts';
import { ask, BODIES, BODY } from '../support/ask.ts';
import { expectProblem } from '../support/problem.ts';

const videos = useApp();
const all = useApp({ entry: { room: true, basic: 'on' } });

const NEAR: [written: string, meant: string][] = [
  ...[
    'roomID',
    'RoomId',
    'roomid',
    'ROOMID',
    'room_id',
    'room-id',
    'Room_ID',
    'romId',
    'roomIds',
    'roomIdd',
    'rooomId',
  ],
].map((written) => [written, 'roomId']);
NEAR.push(
  ...['videoID', 'video_id', 'videoid', 'VideoId', 'vidoId', 'videoIds'].map(
    (written): [string, string] => [written, 'videoId'],
  ),
  ...[
    'userID',
    'user_id',
    'userid',
    'UserId',
    'USER_ID',
    'user-id',
    'usrId',
    'uesrId',
    'userIds',
    'user/Id',
    'user~Id',
  ].map((written): [string, string] => [written, 'userId']),
);

/** RFC 6901 section 3. */
const pointerTo = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

it.each(NEAR)('the field %s is refused with what was meant', async (written, meant) => {
  // What was meant is there as well: the other one would be ignored.
  const answer = await ask(videos(), { body: { ...BODY, [written]: 'somebody else' } });
  expectProblem(answer, 400, 'invalid_request', 'fix_request');
  expect(answer.body.errors).toEqual([
    { path: pointerTo(written), message: `is not known; did you mean ${meant}?` },
  ]);
});

it.each([
  'app',
  'appId',
  'token',
  'id',
  'country',
  'deviceId',
  'streamId',
  'user',
  'room',
  'x'.repeat(5_000),
  'toString',
  'constructor',
])('the field %s is ignored, as it is none of ours', async (name) => {
  const body = JSON.stringify(BODY).replace('{', `{${JSON.stringify(name)}:1,`);
  const { status } = await ask(videos(), { body: JSON.parse(body) });
  expect(status).toBe(200);
});

it.each(
  BODIES.slice(1).flatMap(([path, body]) =>
    NEAR.filter(([, meant]) => meant === 'userId' || meant in body).map(
      ([written, meant]) => [path, body, written, meant] as const,
    ),
  ),
)('%s %j with %s is refused with what was meant', async (path, body, written, meant) => {
  const answer = await ask(all(), { path, body: { ...body, [written]: 'somebody else' } });
  expectProblem(answer, 400, 'invalid_request', 'fix_request');
  expect(answer.body.errors).toEqual([
    { path: pointerTo(written), message: `is not known; did you mean ${meant}?` },
  ]);
});

it.each(
  BODIES.slice(1).flatMap(([path, body]) =>
    ['video_id', 'videoId', 'token', 'constructor', 'toString', 'x'.repeat(5_000)].map(
      (name) => [path, body, name] as const,
    ),
  ),
)('%s %j with the field %s is refused, as it takes no other', async (path, body, name) => {
  const answer = await ask(all(), { path, body: { ...body, [name]: 1 } });
  expectProblem(answer, 400, 'invalid_request', 'fix_request');
  expect(answer.body.errors[0].message).toContain(`unknown field "${name.slice(0, 40)}"`);
});
