import { expect, it } from 'vitest';
import { VideoTokenError } from '../../client/src/index.ts';
import { answering, clientOf, refused } from './support.ts';

const REPLY = { token: '04room', expireAt: 2_000_000_000, userId: 'alice', appId: 1234567890 };
const ISSUED = { status: 200, body: REPLY };

it.each([
  ['/video-token', '/room-token', '/basic-token'],
  ['/api/v1/video-token', '/api/v1/room-token', '/api/v1/basic-token'],
  ['/video-token?tenant=a', '/room-token?tenant=a', '/basic-token?tenant=a'],
])('asks beside %s for the other kinds', async (path, room, basic) => {
  const asked: string[] = [];
  const { url } = await answering(ISSUED);
  const fetch: typeof globalThis.fetch = async (address, init) => {
    asked.push(String(address));
    return globalThis.fetch(url, init);
  };
  const client = clientOf(new URL(path, url).href, { fetch });
  expect(await client.roomToken({ roomId: 'room', publish: true })).toEqual(REPLY);
  expect(await client.basicToken()).toEqual(REPLY);
  expect(asked).toEqual([new URL(room, url).href, new URL(basic, url).href]);
});

it('sends what it is given, and asks for a new one each time', async () => {
  const { url, seen } = await answering(ISSUED);
  const client = clientOf(url);
  await client.roomToken({ roomId: 'room', publish: true, streamIds: ['s'] });
  await client.roomToken({ roomId: 'room' });
  await client.basicToken();
  expect(seen.map(({ body }) => body)).toEqual([
    { roomId: 'room', publish: true, streamIds: ['s'] },
    { roomId: 'room' },
    {},
  ]);
});

it('says what to do where the user may only watch', async () => {
  const { url } = await answering(refused(403, 'publish_not_allowed', 'enter_as_audience'));
  const error = await clientOf(url)
    .roomToken({ roomId: 'room', publish: true })
    .catch((error) => error);
  expect(error).toBeInstanceOf(VideoTokenError);
  expect(error).toMatchObject({ code: 'publish_not_allowed', action: 'enter_as_audience' });
});

it('asks again for a new credential, and ends with its signal', async () => {
  const { url, seen } = await answering(refused(401, 'credential_expired', 'sign_in'), ISSUED);
  const credential = (refusal?: unknown) => (refusal ? 'new.b.c' : 'a.b.c');
  expect(await clientOf(url, { credential }).roomToken({ roomId: 'room' })).toEqual(REPLY);
  expect(seen).toHaveLength(2);
  const { url: silent } = await answering('silence');
  const aborted = new AbortController();
  const asking = clientOf(silent).basicToken({ signal: aborted.signal });
  aborted.abort(new Error('left'));
  await expect(asking).rejects.toThrow('left');
});
