import { setImmediate as nextIteration } from 'node:timers/promises';
import { vi } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { ServiceError } from '../../src/errors.ts';
import { NOW } from './clock.ts';
import { compact, signer } from './compact.ts';
import { type Keys, newKeys } from './keys.ts';

const OURS = { issuer: 'https://login.example', audience: 'films' };
const PROVIDER = providerSchema.parse({ ...OURS, jwksUrl: 'https://login.example/keys' });
export const POOL = Array.from({ length: 6 }, (_, i) => newKeys('EdDSA', `k${i}`));
export const attacker = newKeys('EdDSA', 'attacker');

export type Entry = { keys: Keys; kid: string | undefined };

/** A provider and our verifier, whose clock a test moves; the answers of the provider need no socket. */
export async function openRotatingProvider(...entries: Entry[]) {
  let milliseconds = 0;
  const provider = { published: entries, isUp: true, fetches: 0 };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  // A spy would record every call.
  const { now: realNow } = performance;
  performance.now = () => milliseconds;
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
    performance.now = realNow;
    fetches.mockRestore();
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
      return Promise.resolve(verifier.verify(token, now())).then(() => '200', code);
    },
  };
}

/** A JWT of a key; an `iat` that is null is left out. */
export function jwtOf(
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
