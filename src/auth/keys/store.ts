import { candidatesOf, parseKeySet, type SetKey } from '../../config/identity/key-set.ts';
import { refuse } from '../claims.ts';

const KEEP_MS = 3_600_000;

type Kept = {
  text: string;
  keys: readonly SetKey[];
  /** When the request of the set was sent, and when its answer was read. */
  askedAt: number;
  fetchedAt: number;
};

/** The header parameters that select a key. */
export type KeyHeader = { alg?: string; kid?: string | undefined };

/** Why entries of a set are skipped; called when the set has changed. */
export type OnSkipped = (skipped: readonly string[]) => void;

export type KeyStoreOptions = {
  algorithms: readonly string[];
  /** Called when the keys change or expire. */
  onChange(): void;
  onSkipped: OnSkipped;
  /** Monotonic milliseconds. */
  clock(): number;
};

export type KeyStore = ReturnType<typeof createKeyStore>;

/** Stores the last key set for an hour. */
export function createKeyStore({ algorithms, onChange, onSkipped, clock }: KeyStoreOptions) {
  let kept: Kept | undefined;
  let expiry: NodeJS.Timeout | undefined;
  const current = () => (kept && clock() - kept.fetchedAt < KEEP_MS ? kept : undefined);
  return {
    usable: () => current() !== undefined,
    /** @throws {ServiceError} `credential_invalid` when different keys have the `kid` */
    find: (header: KeyHeader) => selectKeys(current()?.keys ?? [], header),
    /** When the last set was asked for. */
    askedAt: () => kept?.askedAt ?? Number.NEGATIVE_INFINITY,
    /** @throws {Error} when the text is no key set, or no key of it fits an algorithm */
    keep(text: string, askedAt: number): void {
      if (kept?.text === text) Object.assign(kept, { askedAt, fetchedAt: clock() });
      else {
        const { keys, skipped } = parseKeySet(text);
        const fits = (key: SetKey) => key.algorithms.some((name) => algorithms.includes(name));
        if (!keys.some(fits)) throw noUsableKey(skipped);
        if (kept) onChange();
        kept = { text, keys, askedAt, fetchedAt: clock() };
        if (skipped.length > 0) onSkipped(skipped);
      }
      // Cached credentials must not outlive the keys that verified them.
      clearTimeout(expiry);
      expiry = setTimeout(onChange, KEEP_MS).unref();
    },
    close: () => clearTimeout(expiry),
  };
}

/** @throws {ServiceError} `credential_invalid` when different keys have the `kid` */
export function selectKeys(keys: readonly SetKey[], header: KeyHeader): readonly SetKey[] {
  const candidates = candidatesOf(keys, header);
  if (!candidates) throw refuse('key_unusable', 'one key', 'different keys with this kid');
  return candidates;
}

function noUsableKey(skipped: readonly string[]): Error {
  const message = ['no key fits an allowed algorithm', ...skipped.slice(0, 3)].join('; ');
  return Object.assign(new Error(message), { code: 'NO_USABLE_KEY' });
}
