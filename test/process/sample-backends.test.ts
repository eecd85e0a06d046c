import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { describeWith, listening } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';

const SECRET = 'backend-secret-0123456789-0123456789';
const file = (name: string) =>
  fileURLToPath(new URL(`../../examples/backend/${name}`, import.meta.url));
const FILM = { roomId: 'room_123', videoId: '249850980283048' };

const CASES: [string, string, string, object, number, string?][] = [
  ['a film of the room', 'User_123', '/video-token', FILM, 200],
  ['another film', 'User_123', '/video-token', { ...FILM, videoId: '1' }, 403, 'video_not_allowed'],
  ['another room', 'User_123', '/video-token', { ...FILM, roomId: '1' }, 403, 'room_not_allowed'],
  ['another user', 'User_456', '/video-token', FILM, 403, 'user_not_allowed'],
  ['a room', 'User_123', '/room-token', { roomId: 'room_123', publish: true }, 200],
  ['another room', 'User_123', '/room-token', { roomId: '1' }, 403, 'room_not_allowed'],
  ['any room', 'User_123', '/basic-token', {}, 200],
  ['any room', 'User_456', '/basic-token', {}, 403, 'user_not_allowed'],
];

for (const [program, name] of [
  ['node', 'server.mjs'],
  ['python3', 'server.py'],
] as const) {
  describeWith(program, `the sample backend ${name}`, () => {
    let backend: ChildProcess;
    let service: Service;
    let url = '';
    beforeAll(async () => {
      const port = await freePort();
      backend = spawn(program, [file(name)], {
        env: { PATH: process.env.PATH, ACCESS_HTTP_SECRET: SECRET, PORT: String(port) },
        stdio: 'ignore',
      });
      await listening(port, backend);
      url = `http://127.0.0.1:${port}/video-access`;
      service = await startService({
        ACCESS_MODE: 'http',
        ACCESS_HTTP_URL: url,
        ACCESS_HTTP_SECRET: SECRET,
        ROOM_TOKENS: 'on',
        BASIC_TOKENS: 'on',
      });
    });
    afterAll(async () => {
      await service.stop();
      backend.kill();
    });

    it.each(CASES)(
      'decides about %s for %s at %s',
      async (_about, user, path, body, status, code) => {
        const response = await fetch(service.origin + path, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${await signFreshJwt({ sub: user })}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify(body),
        });
        const answer = (await response.json()) as { code?: string; token?: string };
        expect([response.status, answer.code]).toEqual([status, code]);
        if (status === 200) expect(answer.token).toMatch(/^04/);
      },
    );

    it.each(['x', '', 'null', '{"kind":"unknown","userId":"User_123"}'])(
      'answers 400 to a question that it does not understand, %j, and goes on',
      async (body) => {
        const ask = (text: string) =>
          fetch(url, {
            method: 'POST',
            headers: { authorization: `Bearer ${SECRET}` },
            body: text,
          });
        expect((await ask(body)).status).toBe(400);
        const denied = await ask('{"userId":"nobody","requestId":"1"}');
        expect(await denied.json()).toEqual({ allow: false, code: 'user_not_allowed' });
      },
    );

    it('answers 401 to who does not know the secret', async () => {
      expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401);
    });
  });
}
