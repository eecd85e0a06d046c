import { createPublicKey, type KeyObject } from 'node:crypto';

const MIN_RSA_BITS = 2048;

/** A public key of a key set (RFC 7517) and what its entry says of its use. */
export type SetKey = {
  key: KeyObject;
  kid: string | undefined;
  /** The algorithms that the type of the key and the member `alg` allow. */
  algorithms: readonly string[];
  /** The only issuers that the key signs for; undefined: any. */
  issuers: readonly string[] | undefined;
  /** Equal for equal keys. */
  identity: string;
};

/** The keys of a set, and why other entries are skipped, each as one phrase. */
export type KeySet = { keys: SetKey[]; skipped: string[] };

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** By `kty` and `crv`, with the members that make the public key (RFC 7518 section 6, RFC 8037). */
const TYPES: Readonly<Record<string, { members: string[]; algorithms: string[] }>> = {
  RSA: { members: ['n', 'e'], algorithms: RSA },
  'EC P-256': { members: ['crv', 'x', 'y'], algorithms: ['ES256'] },
  'EC P-384': { members: ['crv', 'x', 'y'], algorithms: ['ES384'] },
  'EC P-521': { members: ['crv', 'x', 'y'], algorithms: ['ES512'] },
  'OKP Ed25519': { members: ['crv', 'x'], algorithms: ['EdDSA', 'Ed25519'] },
};

type Entry = Record<string, unknown>;

/**
 * Reads a key set. Entries that cannot be used are skipped, as RFC 7517 section 5 wants: private and symmetric
 * keys too, which a public set must not have. Keys that are not for signatures are left out without a word.
 *
 * @throws {Error} when the text is no key set
 */
export function parseKeySet(text: string): KeySet {
  const entries = entriesOf(text);
  const keys: SetKey[] = [];
  const skipped: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = readEntry(entry);
    if (typeof key === 'string') skipped.push(`keys[${index}]: ${key}`);
    else if (key) keys.push(key);
  }
  return { keys: withoutDoubles(keys), skipped };
}

function entriesOf(text: string): unknown[] {
  const set: unknown = JSON.parse(text);
  const isObject = set !== null && typeof set === 'object' && !Array.isArray(set);
  const keys = isObject && Object.hasOwn(set, 'keys') ? (set as Entry).keys : undefined;
  if (!Array.isArray(keys)) throw Object.assign(new Error('no key set'), { code: 'NOT_KEY_SET' });
  return keys;
}

/** A text says why the entry is skipped; undefined: the key is not for signatures. */
function readEntry(entry: unknown): SetKey | string | undefined {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) return 'not an object';
  // Some serializers write members that are absent as null.
  const present = Object.entries(entry).filter(([, value]) => value !== null);
  const {
    kty,
    crv,
    kid,
    alg,
    use,
    key_ops: operations,
    issuer,
    ...more
  }: Entry = Object.fromEntries(present);
  if (typeof kty !== 'string') return 'no kty';
  if (kty === 'oct') return 'a symmetric key';
  if (more.d !== undefined) return 'a private key';
  if (kid !== undefined && typeof kid !== 'string') return 'a kid that is no text';
  if (issuer !== undefined && (typeof issuer !== 'string' || issuer === '')) {
    return 'an issuer that is no text';
  }
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !isFor(operations, 'verify')) return undefined;
  const name = kty === 'RSA' ? kty : `${kty} ${crv}`;
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (!type) return 'an unknown type or curve';
  const algorithms = type.algorithms.filter((one) => alg === undefined || alg === one);
  if (algorithms.length === 0) return undefined;
  const members = type.members.map((member) => [member, (entry as Entry)[member]]);
  const key = importKey({ kty, ...Object.fromEntries(members) });
  if (typeof key === 'string') return key;
  return {
    key,
    kid,
    algorithms,
    issuers: typeof issuer === 'string' ? [issuer] : undefined,
    identity: JSON.stringify(key.export({ format: 'jwk' })),
  };
}

function isFor(operations: unknown, operation: string): boolean {
  return Array.isArray(operations) && operations.includes(operation);
}

function importKey(jwk: Record<string, unknown>): KeyObject | string {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
    return bits < MIN_RSA_BITS ? `an RSA key of less than ${MIN_RSA_BITS} bits` : key;
  } catch {
    return 'not a key';
  }
}

/**
 * The same key twice is one key. Where one of its entries names an issuer, the key signs for the named issuers
 * alone, whatever its other entries leave out.
 */
function withoutDoubles(keys: SetKey[]): SetKey[] {
  const issuers = new Map<string, string[]>();
  for (const { identity, issuers: named } of keys) {
    if (named) issuers.set(identity, [...(issuers.get(identity) ?? []), ...named]);
  }
  const unique = new Map<string, SetKey>();
  for (const key of keys) {
    const { identity, kid, algorithms } = key;
    const scoped = { ...key, issuers: issuers.get(identity) };
    unique.set(JSON.stringify([identity, kid ?? null, algorithms]), scoped);
  }
  return [...unique.values()];
}

const MAX_CANDIDATES = 8;

/**
 * The keys that may have made a signature: those of its `kid`, or without one at most eight that fit.
 *
 * @returns undefined when different keys have this `kid`
 */
export function candidatesOf(
  keys: readonly SetKey[],
  { alg = '', kid }: { alg?: string; kid?: string | undefined },
): readonly SetKey[] | undefined {
  const fitting = keys.filter(
    (key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid),
  );
  if (fitting.length < 2) return fitting;
  const unique = [...new Map(fitting.map((key) => [key.identity, key])).values()];
  if (kid !== undefined && unique.length > 1) return undefined;
  return unique.slice(0, MAX_CANDIDATES);
}
