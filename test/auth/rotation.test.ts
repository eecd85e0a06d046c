import { describe, expect, it, onTestFinished } from 'vitest';
import { NOW } from '../support/clock.ts';
import type { Keys } from '../support/keys.ts';
import {
  attacker,
  type Entry,
  jwtOf,
  openRotatingProvider,
  POOL,
} from '../support/rotating-provider.ts';

const [FIRST, SECOND, THIRD] = POOL as [Keys, Keys, Keys];
const RETRY = 'key_unknown 5';
const REFUSED = 'credential_invalid';

describe('a JWT while keys rotate', () => {
  const old = { keys: FIRST, kid: 'a' };
  const STATES: [name: string, before: Entry[], after: Entry[], signedBy: Entry][] = [
    ['a new kid', [old], [old, { keys: SECOND, kid: 'b' }], { keys: SECOND, kid: 'b' }],
    [
      'a new kid in place of the old',
      [old],
      [{ keys: SECOND, kid: 'b' }],
      { keys: SECOND, kid: 'b' },
    ],
    ['the same kid, a new key', [old], [{ keys: SECOND, kid: 'a' }], { keys: SECOND, kid: 'a' }],
    [
      'no kid, a new key',
      [{ keys: FIRST, kid: undefined }],
      [{ keys: SECOND, kid: undefined }],
      { keys: SECOND, kid: undefined },
    ],
    [
      'no kid in the JWT, a second key',
      [old],
      [old, { keys: SECOND, kid: 'b' }],
      { keys: SECOND, kid: undefined },
    ],
  ];
  /** When the JWT was made, by its `iat`: after the rotation, or where it says nothing of use. */
  const TIMES: [string, (now: number) => number | null][] = [
    ['now', (now) => now],
    ['in the future', (now) => now + 3],
    ['without a time', () => null],
  ];

  describe.each(STATES)('%s', (_name, before, after, signedBy) => {
    it.each(TIMES)('made %s: 503 within 5 s of a fetch, then 200', async (_when, iat) => {
      const { provider, ask, pass, now, close } = await openRotatingProvider(...before);
      onTestFinished(close);
      provider.published = after;
      await pass(2_000);
      const token = jwtOf(signedBy, iat(now()));
      expect([await ask(token), provider.fetches]).toEqual([RETRY, 1]);
      await pass(2_999);
      expect([await ask(token), provider.fetches]).toEqual([RETRY, 1]);
      await pass(1);
      expect([await ask(token), provider.fetches]).toEqual(['200', 2]);
    });

    it.each(TIMES)('made %s: 503 for as long as the provider is silent', async (_when, iat) => {
      const { provider, ask, pass, now, close, healthy } = await openRotatingProvider(...before);
      onTestFinished(close);
      provider.published = after;
      provider.isUp = false;
      await pass(10_000);
      const token = jwtOf(signedBy, iat(now()));
      for (let i = 0; i < 30; i++) {
        expect(await ask(token)).toBe(RETRY);
        await pass(60_000);
      }
      expect(healthy()).toBe(false);
      provider.isUp = true;
      await pass(30_000);
      expect(await ask(token)).toBe('200');
    });

    it('forged: 401 as soon as a set was fetched after its time, without a fetch more', async () => {
      const { provider, ask, pass, now, close } = await openRotatingProvider(...before);
      onTestFinished(close);
      await pass(2_000);
      const forged = (iat: number | null) => jwtOf({ ...signedBy, keys: attacker }, iat);
      expect(await ask(forged(NOW - 10))).toBe(REFUSED);
      expect(await ask(forged(now()))).toBe(RETRY);
      const timeless = forged(null);
      const future = forged(now() + 4);
      expect([await ask(timeless), await ask(future)]).toEqual([RETRY, RETRY]);
      await pass(3_000);
      expect(await ask(forged(now()))).toBe(REFUSED);
      expect([await ask(timeless), await ask(future)]).toEqual([REFUSED, REFUSED]);
      expect(provider.fetches).toBe(2);
    });
  });

  it('of a key that was withdrawn is refused once the service knows', async () => {
    const { provider, ask, pass, now, close } = await openRotatingProvider(old);
    onTestFinished(close);
    const token = jwtOf(old, now());
    expect(await ask(token)).toBe('200');
    provider.published = [{ keys: SECOND, kid: 'b' }];
    await pass(54_000);
    expect(await ask(token)).toBe(REFUSED);
  });

  it('of a withdrawn key without a successor is taken for an hour, then 503', async () => {
    const { provider, ask, pass, now, close } = await openRotatingProvider(old);
    onTestFinished(close);
    const token = jwtOf(old, now());
    provider.published = [];
    await pass(3_599_000);
    expect(await ask(token)).toBe('200');
    await pass(1_000);
    expect(await ask(token)).toBe('dependency_unavailable');
  });

  it('that was made within the second of the last fetch is not refused for it', async () => {
    const { provider, ask, pass, now, close } = await openRotatingProvider(old);
    onTestFinished(close);
    await pass(54_400);
    provider.published = [{ keys: THIRD, kid: 'c' }];
    await pass(500);
    const token = jwtOf({ keys: THIRD, kid: 'c' }, now());
    await pass(3_000);
    expect(await ask(token)).toBe(RETRY);
    await pass(2_000);
    expect(await ask(token)).toBe('200');
  });
});
