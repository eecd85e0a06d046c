import { describe, expect, it } from 'vitest';
import { VideoTokenError } from '../../client/src/index.ts';
import { answering, clientOf, issued, refused, WANTED } from './support.ts';

const SIGN_IN = refused(401, 'credential_expired', 'sign_in');

/** A clock of a device that a test sets forward. */
function deviceClock(wrongBy = 0) {
  const clock = { ahead: wrongBy * 1000, now: () => Date.now() + clock.ahead };
  return clock;
}

describe('the tokens at hand', () => {
  it('asks once for callers at the same time, and keeps the token', async () => {
    const { url, seen } = await answering(issued(3600));
    const client = clientOf(url);
    const [first, second] = await Promise.all([client.get(WANTED), client.get(WANTED)]);
    expect(await client.get(WANTED)).toBe(first);
    expect(second).toBe(first);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ authorization: 'Bearer a.b.c', body: WANTED });
  });

  it('has the id to log in with, where the service hashes ids', async () => {
    const body = { token: '04AAAA', expireAt: Date.now() / 1000 + 3_600, userId: 'hashed' };
    const { url } = await answering({ status: 200, body });
    expect(await clientOf(url).get(WANTED)).toEqual(body);
  });

  it('keeps a token for one room and one video', async () => {
    const { url, seen } = await answering(issued(3600));
    const client = clientOf(url);
    await Promise.all([client.get(WANTED), client.get({ ...WANTED, videoId: 'other' })]);
    await client.get({ roomId: 'other', videoId: 'film' });
    expect(seen).toHaveLength(3);
  });

  it.each([
    [0, 3_600 - 150],
    [0.999, 3_600 - 300],
  ])('renews a token, with the chance %d, after %i of 3600 seconds', async (chance, due) => {
    const { url, seen } = await answering(issued(3600));
    const clock = deviceClock();
    const client = clientOf(url, { now: clock.now, random: () => chance });
    await client.get(WANTED);
    clock.ahead = (due - 5) * 1000;
    await client.get(WANTED);
    expect(seen).toHaveLength(1);
    clock.ahead = (due + 5) * 1000;
    await client.get(WANTED);
    expect(seen).toHaveLength(2);
  });

  it('does not replace a token by one that expires earlier', async () => {
    const { url, seen } = await answering(issued(20, '04LONG'), issued(15, '04SHORT'));
    const clock = deviceClock();
    const client = clientOf(url, { now: clock.now });
    await client.get(WANTED);
    clock.ahead = 16_000;
    expect((await client.get(WANTED)).token).toBe('04LONG');
    expect(seen).toHaveLength(2);
  });

  it('takes a token that lives at once in an outage, and no longer after a refusal', async () => {
    const busy = refused(503, 'overloaded', 'retry', { headers: { 'retry-after': '30' } });
    const outage = refused(503, 'overloaded', 'retry', { headers: { 'retry-after': '99' } });
    const withdrawn = refused(403, 'video_ended', 'choose_another_video');
    const { url } = await answering(issued(20), busy, withdrawn, outage);
    const clock = deviceClock();
    const client = clientOf(url, { now: clock.now });
    const { token } = await client.get(WANTED);
    clock.ahead = 16_000;
    expect((await client.get(WANTED)).token).toBe(token);
    // The reply of the outage has put the clock right again.
    clock.ahead = 32_000;
    await expect(client.get(WANTED)).rejects.toMatchObject({ code: 'video_ended' });
    await expect(client.get(WANTED)).rejects.toMatchObject({ code: 'overloaded' });
  });
});

describe('the clock', () => {
  it.each([-86_400, 86_400])(
    'keeps a token for its life on a device whose clock is wrong by %i seconds',
    async (wrongBy) => {
      const { url, seen } = await answering(issued(3600));
      const clock = deviceClock(wrongBy);
      const client = clientOf(url, { now: clock.now });
      await client.get(WANTED);
      expect(Math.abs(client.now() - Date.now() / 1000)).toBeLessThan(1.5);
      await client.get(WANTED);
      expect(seen).toHaveLength(1);
      clock.ahead += 3_599_000;
      await client.get(WANTED);
      expect(seen).toHaveLength(2);
    },
  );

  it('follows the clock of the service even when that is wrong', async () => {
    const served = Date.parse('2030-01-01T00:00:00Z');
    const body = { token: '04AAAA', expireAt: served / 1000 + 3600 };
    const headers = { date: new Date(served).toUTCString() };
    const { url } = await answering({ status: 200, body, headers });
    const client = clientOf(url);
    await client.get(WANTED);
    expect(Math.abs(client.now() - served / 1000)).toBeLessThan(1.5);
  });
});

describe('the credential', () => {
  it('asks for another credential, once, when the service refuses one', async () => {
    const { url, seen } = await answering(SIGN_IN, issued(3600));
    const refusals: (string | undefined)[] = [];
    const credential = async (refusal?: { code: string }) => {
      refusals.push(refusal?.code);
      return refusal ? 'new' : 'old';
    };
    await clientOf(url, { credential }).get(WANTED);
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer old', 'Bearer new']);
    expect(refusals).toEqual([undefined, 'credential_expired']);
  });

  it('gives up after the second credential is refused', async () => {
    const { url, seen } = await answering(SIGN_IN);
    const client = clientOf(url, { credential: () => crypto.randomUUID() });
    await expect(client.get(WANTED)).rejects.toMatchObject({ action: 'sign_in', status: 401 });
    expect(seen).toHaveLength(2);
  });

  it.each([['a text', 'same'] as const, ['the same again', () => 'same'] as const])(
    'does not send a credential twice that is %s',
    async (_name, credential) => {
      const { url, seen } = await answering(SIGN_IN);
      const client = clientOf(url, { credential });
      await expect(client.get(WANTED)).rejects.toMatchObject({ code: 'credential_expired' });
      expect(seen).toHaveLength(1);
    },
  );

  it.each(['', 'two words', 'naïve'])(
    'throws sign_in for a credential that is no JWT (%j)',
    async (credential) => {
      const { url, seen } = await answering(issued(3600));
      const nobody = { code: 'credential_missing', action: 'sign_in' };
      await expect(clientOf(url, { credential }).get(WANTED)).rejects.toMatchObject(nobody);
      const asked = clientOf(url, { credential: async () => credential });
      await expect(asked.get(WANTED)).rejects.toMatchObject(nobody);
      expect(seen).toEqual([]);
    },
  );

  it('sends no request when the app cannot get a credential, and throws retry', async () => {
    const { url, seen } = await answering(issued(3600));
    const cause = new TypeError('Failed to fetch');
    let down = true;
    const credential = () => (down ? Promise.reject(cause) : 'a.b.c');
    const client = clientOf(url, { credential });
    await expect(client.get(WANTED)).rejects.toMatchObject({ action: 'retry', cause });
    expect(seen).toEqual([]);
    down = false;
    await expect(client.get(WANTED)).resolves.toMatchObject({ token: expect.any(String) });
  });

  it('throws the VideoTokenError that the app throws in place of a credential', async () => {
    const { url } = await answering(issued(3600));
    const mine = new VideoTokenError('signed out', {
      code: 'credential_missing',
      action: 'sign_in',
    });
    const client = clientOf(url, { credential: () => Promise.reject(mine) });
    await expect(client.get(WANTED)).rejects.toBe(mine);
  });
});
