import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose';
import { z } from 'zod';

const KEEP_MS = 3_600_000;

/** The key for a JWS header; rejects with an error of jose when none or several fit. */
export type FindKey = (header: JWTHeaderParameters) => Promise<CryptoKey>;

type KeySet = { text: string; kids: Set<unknown>; fetchedAt: number; find: FindKey };

export type KeyStore = ReturnType<typeof createKeyStore>;

/**
 * The key set that was read last, for an hour.
 *
 * @param onChange the keys have changed, or are too old to be used
 * @param clock monotonic milliseconds
 */
export function createKeyStore(onChange: () => void, clock: () => number) {
  let kept: KeySet | undefined;
  let takenAway: Set<unknown> = new Set();
  let expiry: NodeJS.Timeout | undefined;
  const current = () => (kept && clock() - kept.fetchedAt < KEEP_MS ? kept : undefined);
  return {
    usable: () => current() !== undefined,
    /** Undefined when no key fits. */
    async find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
      try {
        return await current()?.find(header);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return undefined;
        throw error;
      }
    },
    has: (kid: unknown) => kid !== undefined && current()?.kids.has(kid) === true,
    /** The provider had such a key, and withdrew it. */
    wasTakenAway: (kid: unknown) => takenAway.has(kid),
    keep(text: string): void {
      if (kept?.text === text) kept.fetchedAt = clock();
      else {
        const fresh = { text, ...parseKeys(text), fetchedAt: clock() };
        if (kept) {
          takenAway = kept.kids.difference(fresh.kids);
          onChange();
        }
        kept = fresh;
      }
      // Credentials that these keys verified must not outlive them.
      clearTimeout(expiry);
      expiry = setTimeout(onChange, KEEP_MS).unref();
    },
    close: () => clearTimeout(expiry),
  };
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** jose picks by algorithm, id and use, and never returns a symmetric, private or encryption key. */
function parseKeys(text: string): Pick<KeySet, 'find' | 'kids'> {
  const set = keySetSchema.parse(JSON.parse(text));
  return { find: createLocalJWKSet(set), kids: new Set(set.keys.map(({ kid }) => kid)) };
}
