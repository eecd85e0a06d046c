import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  attachPlayer,
  createVideoTokenClient,
  type VideoTokenError,
} from '../../client/src/index.ts';
import { decode } from '../../src/token04/index.ts';
import { WANTED } from '../client/support.ts';
import { SERVER_SECRET } from '../support/app.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

function clientFor(claims: Record<string, unknown> = {}) {
  const url = `${service.origin}/video-token`;
  return createVideoTokenClient({ url, credential: () => signFreshJwt(claims) });
}

describe('the client with the real service', () => {
  it('gets a token for what it asked for', async () => {
    const { token, expireAt } = await clientFor().get(WANTED);
    const { claims } = decode(token, { secrets: [SERVER_SECRET] });
    expect(claims).toMatchObject({ userId: 'alice', expireAt });
    expect(JSON.parse(claims.payload)).toEqual({ room_id: 'room', video_id: 'film' });
  });

  it('asks once for a hundred callers', async () => {
    const client = clientFor({ sub: 'bob' });
    const wanted = { ...WANTED, roomId: 'room_foreign' };
    await Promise.all(Array.from({ length: 100 }, () => client.get(wanted)));
    // What came before this refusal is then in the log as well.
    await client.get({ ...wanted, videoId: 'withdrawn' }).catch(() => {});
    await service.line(({ userId, code }) => userId === 'bob' && code === 'video_not_allowed');
    const issued = service.decisions().filter(({ outcome }) => outcome === 'issued');
    expect(issued.filter(({ userId }) => userId === 'bob')).toHaveLength(1);
  });

  it.each([
    [{ sub: 'sam' }, WANTED, 'user_not_allowed', 'contact_support'],
    [{}, { ...WANTED, roomId: 'room_closed' }, 'room_not_allowed', 'leave_room'],
    [{}, { ...WANTED, videoId: 'withdrawn' }, 'video_not_allowed', 'choose_another_video'],
    [{}, { ...WANTED, videoId: 'film_over' }, 'video_ended', 'choose_another_video'],
    [{}, { ...WANTED, videoId: 'film_sg' }, 'region_not_allowed', 'choose_another_video'],
    [{}, { ...WANTED, roomId: '' }, 'invalid_request', 'fix_request'],
    [{ exp: 1 }, WANTED, 'credential_expired', 'sign_in'],
  ])(
    'throws, for the claims %o and the request %o, the code %s',
    async (claims, wanted, code, action) => {
      const error: VideoTokenError = await clientFor(claims)
        .get(wanted)
        .catch((raised) => raised);
      expect(error).toMatchObject({ code, action });
      const logged = await service.line(({ requestId }) => requestId === error.requestId);
      expect(logged).toMatchObject({ code });
    },
  );

  it('learns from the service when a film starts', async () => {
    const work = clientFor().get({ ...WANTED, videoId: 'film_later' });
    await expect(work).rejects.toMatchObject({ action: 'wait', availableFrom: 4_102_444_800 });
  });

  it('gives a player tokens that live for each load, with a token lifetime of 60 s', async () => {
    const short = await startService({ TOKEN_TTL_SECONDS: '60' });
    onTestFinished(short.stop);
    const url = `${short.origin}/video-token`;
    const client = createVideoTokenClient({ url, credential: () => signFreshJwt() });
    const loaded = Promise.withResolvers<void>();
    const lives: number[] = [];
    const player = attachPlayer(client, {
      load(token) {
        const { claims } = decode(token, { secrets: [SERVER_SECRET] });
        lives.push(claims.expireAt - Date.now() / 1000);
        if (lives.length === 2) loaded.resolve();
      },
      onState({ state }) {
        if (state === 'playing') player.load(WANTED);
      },
    });
    player.load(WANTED);
    await loaded.promise;
    player.detach();
    await short.line(({ event }) => event === 'video_token');
    expect(Math.min(...lives)).toBeGreaterThan(10);
    expect(short.decisions()).toHaveLength(1);
  });
});
