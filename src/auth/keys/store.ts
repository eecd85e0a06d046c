import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose';
import { z } from 'zod';

const KEEP_MS = 3_600_000;

/** The key for a JWS header; rejects with a jose error when none or several match. */
export type FindKey = (header: JWTHeaderParameters) => Promise<CryptoKey>;

type KeySet = { text: string; kids: Set<unknown>; fetchedAt: number; find: FindKey };

export type KeyStore = ReturnType<typeof createKeyStore>;

/**
 * Stores the last key set for an hour.
 *
 * @param onChange called when the keys change or expire
 * @param clock monotonic milliseconds
 */
export function createKeyStore(onChange: () => void, clock: () => number) {
  let kept: KeySet | undefined;
  let removedKids: Set<unknown> = new Set();
  let expiry: NodeJS.Timeout | undefined;
  const current = () => (kept && clock() - kept.fetchedAt < KEEP_MS ? kept : undefined);
  return {
    usable: () => current() !== undefined,
    /** Undefined when no key matches. */
    async find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
      try {
        return await current()?.find(header);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return undefined;
        throw error;
      }
    },
    has: (kid: unknown) => kid !== undefined && current()?.kids.has(kid) === true,
    /** The provider has removed the key. */
    wasRemoved: (kid: unknown) => removedKids.has(kid),
    keep(text: string): void {
      if (kept?.text === text) kept.fetchedAt = clock();
      else {
        const fresh = { text, ...parseKeys(text), fetchedAt: clock() };
        if (kept) {
          removedKids = kept.kids.difference(fresh.kids);
          onChange();
        }
        kept = fresh;
      }
      // Cached credentials must not outlive the keys that verified them.
      clearTimeout(expiry);
      expiry = setTimeout(onChange, KEEP_MS).unref();
    },
    close: () => clearTimeout(expiry),
  };
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** jose selects by `alg`, `kid` and `use`, and never returns a symmetric, private or encryption key. */
function parseKeys(text: string): Pick<KeySet, 'find' | 'kids'> {
  const set = keySetSchema.parse(JSON.parse(text));
  return { find: createLocalJWKSet(set), kids: new Set(set.keys.map(({ kid }) => kid)) };
}
