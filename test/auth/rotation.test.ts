import { setImmediate as nextIteration } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { ServiceError } from '../../src/errors.ts';
import { NOW } from '../support/clock.ts';
import { compact, signer } from '../support/compact.ts';
import { type Keys, newKeys } from '../support/keys.ts';

const OURS = { issuer: 'https://login.example', audience: 'films' };
const PROVIDER = providerSchema.parse({ ...OURS, jwksUrl: 'https://login.example/keys' });
const POOL = Array.from({ length: 6 }, (_, i) => newKeys('EdDSA', `k${i}`));
const [FIRST, SECOND, THIRD] = POOL as [Keys, Keys, Keys];
const attacker = newKeys('EdDSA', 'attacker');

type Entry = { keys: Keys; kid: string | undefined };

/** A provider and our verifier, whose clock a test moves; the answers of the provider need no socket. */
async function openProvider(...entries: Entry[]) {
  let milliseconds = 0;
  const provider = { published: entries, isUp: true, fetches: 0 };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => milliseconds);
  const fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => {
    provider.fetches++;
    if (!provider.isUp) throw Object.assign(new Error('silent'), { code: 'ETIMEDOUT' });
    const keys = provider.published.map(({ keys: { publicJwk }, kid }) => ({ ...publicJwk, kid }));
    return new Response(JSON.stringify({ keys }));
  });
  const verifier = await createVerifier([PROVIDER], {
    cache() {},
    verified() {},
    jwksFetched() {},
    clockCompared() {},
  });
  const close = () => {
    verifier.close();
    for (const spy of [clock, fetches]) spy.mockRestore();
    vi.useRealTimers();
  };
  const now = () => NOW + Math.floor(milliseconds / 1000);
  return {
    provider,
    close,
    now,
    healthy: verifier.healthy,
    async pass(more: number) {
      // At most one refresh falls into each part; it ends before the next part begins.
      for (let left = more; left >= 0; left -= 30_000) {
        const part = Math.min(left, 30_000);
        milliseconds += part;
        vi.advanceTimersByTime(part);
        for (let i = 0; i < 3; i++) await nextIteration();
      }
    },
    /** `200`, or the code of the refusal with the seconds of Retry-After. */
    async ask(token: string): Promise<string> {
      const code = (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        return [error.code, error.extras.retryAfter].filter(Boolean).join(' ');
      };
      return verifier.verify(token, now()).then(() => '200', code);
    },
  };
}

/** A JWT of a key; an `iat` that is null is left out. */
function jwtOf(
  { keys, kid }: Entry,
  iat: number | null,
  exp = NOW + 100_000,
  sub = 'alice',
): string {
  const claims = { iss: OURS.issuer, aud: OURS.audience, sub, exp, ...(iat !== null && { iat }) };
  return compact(
    { alg: 'EdDSA', ...(kid !== undefined && { kid }) },
    claims,
    signer(keys.privateKey, 'EdDSA'),
  );
}

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
      const { provider, ask, pass, now, close } = await openProvider(...before);
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
      const { provider, ask, pass, now, close, healthy } = await openProvider(...before);
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
      const { provider, ask, pass, now, close } = await openProvider(...before);
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
    const { provider, ask, pass, now, close } = await openProvider(old);
    onTestFinished(close);
    const token = jwtOf(old, now());
    expect(await ask(token)).toBe('200');
    provider.published = [{ keys: SECOND, kid: 'b' }];
    await pass(54_000);
    expect(await ask(token)).toBe(REFUSED);
  });

  it('of a withdrawn key without a successor is taken for an hour, then 503', async () => {
    const { provider, ask, pass, now, close } = await openProvider(old);
    onTestFinished(close);
    const token = jwtOf(old, now());
    provider.published = [];
    await pass(3_599_000);
    expect(await ask(token)).toBe('200');
    await pass(1_000);
    expect(await ask(token)).toBe('dependency_unavailable');
  });

  it('that was made within the second of the last fetch is not refused for it', async () => {
    const { provider, ask, pass, now, close } = await openProvider(old);
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

/** Numbers from 0 to below `n`, the same for each seed (mulberry32). */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const STEPS = 15;
const PAUSES = [0, 1, 400, 999, 1_000, 2_500, 4_999, 5_000, 30_000, 54_000, 61_000, 130_000];
const SEQUENCES = 1_000;

/** Runs a random sequence of rotations, outages, forgeries and honest requests. */
async function runSequence(seed: number): Promise<string[]> {
  const random = randomOf(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const hasKids = random(4) > 0;
  const entryOf = (kid = `kid${random(3)}`): Entry => ({
    keys: pick(POOL),
    kid: hasKids ? kid : undefined,
  });
  let signing = entryOf();
  const world = await openProvider(signing);
  const { provider, ask, pass, now } = world;
  /** JWTs of keys that have been published ever since they were made. */
  let good: { token: string; entry: Entry }[] = [];
  const found: string[] = [];
  const note = (what: string) => void found.push(`seed ${seed}: ${what}`);
  const publish = (entries: Entry[]) => {
    provider.published = entries;
    good = good.filter(({ entry }) => entries.includes(entry));
  };
  const sign = () => {
    const entry = random(5) === 0 ? { ...signing, kid: undefined } : signing;
    const iat = pick([now(), now(), now(), now() + 3, null]);
    good.push({ token: jwtOf(entry, iat, now() + 90_000, `u${random(9)}`), entry: signing });
  };
  const forge = async () => {
    const kid = pick([signing.kid, undefined, 'unknown', 'kid0', 'kid1']);
    const iat = pick([now(), now() - 1_000, now() + 3, null]);
    if ((await ask(jwtOf({ keys: attacker, kid }, iat))) === '200') note('a forgery was taken');
  };
  const toggle = () => {
    provider.isUp = !provider.isUp;
  };
  const rotate = () => {
    signing = entryOf(random(3) === 0 ? signing.kid : undefined);
    const others = provider.published.filter(
      ({ keys, kid }) => keys !== signing.keys && (kid === undefined || kid !== signing.kid),
    );
    publish([signing, ...(random(2) === 0 ? [] : others.slice(0, 3))]);
  };
  const request = async () => {
    sign();
    const outcome = await ask(pick([pick(good), good.at(-1) ?? pick(good)]).token);
    if (outcome !== '200' && !outcome.startsWith('key_') && !outcome.startsWith('dep')) {
      note(`a good credential got ${outcome}`);
    }
  };
  const steps = [rotate, request, request, request, forge, forge, toggle];
  for (let step = 0; step < STEPS; step++) {
    const [before, pause] = [provider.fetches, pick(PAUSES)];
    await pass(pause);
    const refreshes = provider.fetches - before;
    await pick(steps)();
    if (provider.fetches - before - refreshes > 1) note('a request caused two fetches');
    if (refreshes > 1 + pause / 2_000) note('too many fetches');
  }
  provider.isUp = true;
  await pass(31_000);
  sign();
  if ((await ask(good.at(-1)?.token ?? '')) !== '200') note('it did not recover');
  world.close();
  return found;
}

it(`in ${SEQUENCES} random sequences no forgery is taken, and no good credential refused`, async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= SEQUENCES; seed++) found.push(...(await runSequence(seed)));
  expect(found.slice(0, 10)).toEqual([]);
}, 60_000);
