import { DEFAULT_ALGORITHMS, familiesOf } from './algorithms.ts';
import { isKeyText, type PublicKey, parsePublicKey } from './public-key.ts';

const MIN_SECRET_BYTES = 32;

/** What signatures are verified with, and the algorithms that are bound to it. */
export type ProviderKey = { algorithms: string[] } & (
  | { kind: 'secret'; secret: Buffer<ArrayBuffer> }
  | { kind: 'publicKey'; publicKey: PublicKey }
  | { kind: 'jwks'; url: string }
  /** The key set that the issuer's discovery document names. */
  | { kind: 'discovery'; issuer: string; allowHttp: boolean }
);

type KeyInput = {
  secret?: string | undefined;
  publicKey?: string | undefined;
  jwksUrl?: string | undefined;
  algorithms?: string[] | undefined;
};
type Resolved = ProviderKey | undefined;

/** Fields that determine a provider's keys. */
type GivenKeys = KeyInput & {
  provider?: string | undefined;
  issuer?: string | undefined;
  presetIssuers?: string[];
  audience?: string[] | undefined;
  keys?: KeyInput[] | undefined;
  allowHttp: boolean;
};

/** Says what is wrong with a field; `isComplete` where the message says what would be right, and needs no example. */
export type Report = (
  field: string,
  message: string,
  options?: { isComplete: boolean },
) => undefined;

export const COMPLETE = { isComplete: true };

/** The keys of a provider: one, or several whose algorithms differ. */
export function resolveKeys(given: GivenKeys, report: Report): ProviderKey[] | undefined {
  const inputs = keyInputs(given, report);
  const keys = inputs?.flatMap((input) => resolveKey(input, given, report) ?? []);
  if (!keys || keys.length !== inputs?.length) return undefined;
  const algorithms = keys.flatMap((key) => key.algorithms);
  if (new Set(algorithms).size === algorithms.length) return keys;
  return report('keys', 'must each have algorithms of their own');
}

function keyInputs(given: GivenKeys, report: Report): KeyInput[] | undefined {
  const { provider, issuer, secret, publicKey, jwksUrl, algorithms, keys } = given;
  const single = [secret, publicKey, jwksUrl].filter((value) => value !== undefined);
  if (keys) {
    if (single.length === 0 || provider !== undefined) return keys;
    return report('keys', 'stands in place of secret, publicKey and jwksUrl');
  }
  if (provider !== undefined) return presetKeys(given);
  if (single.length === 1) return [{ secret, publicKey, jwksUrl, algorithms }];
  if (single.length === 0 && issuer !== undefined) return [{ algorithms }];
  return report('secret', 'give exactly one of secret, publicKey and jwksUrl');
}

/** A secret stands beside a preset's key set, each with algorithms of its own; a public key replaces it. */
function presetKeys({ secret, publicKey, jwksUrl, algorithms = [] }: GivenKeys): KeyInput[] {
  const isHmac = (name: string) => familiesOf([name]).has('HMAC');
  const listed = (names: string[]) => (names.length > 0 ? { algorithms: names } : {});
  const asymmetric = listed(algorithms.filter((name) => !isHmac(name)));
  return [
    publicKey === undefined ? { jwksUrl, ...asymmetric } : { publicKey, ...asymmetric },
    ...(secret === undefined ? [] : [{ secret, ...listed(algorithms.filter(isHmac)) }]),
  ];
}

function resolveKey(input: KeyInput, given: GivenKeys, report: Report): Resolved {
  const { secret, publicKey } = input;
  if (secret !== undefined) return resolveSecret(secret, input.algorithms, report);
  if (publicKey !== undefined) return resolvePublicKey(publicKey, input.algorithms, report);
  return resolveKeySet(input, given, report);
}

function resolveSecret(secret: string, listed: string[] | undefined, report: Report): Resolved {
  if (isKeyText(secret)) {
    const message =
      'is a key, not a shared secret; anybody who has a public key could sign with it';
    return report('secret', `${message}, so give it as the public key`, COMPLETE);
  }
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    return report('secret', `must be at least ${MIN_SECRET_BYTES} bytes long`);
  }
  const algorithms = listed ?? [...DEFAULT_ALGORITHMS.secret];
  if ([...familiesOf(algorithms)].some((family) => family !== 'HMAC')) {
    return report('algorithms', 'must be of HS256, HS384 and HS512 with a shared secret');
  }
  return { kind: 'secret', secret: bytes, algorithms };
}

function resolvePublicKey(pem: string, listed: string[] | undefined, report: Report): Resolved {
  try {
    const publicKey = parsePublicKey(pem);
    const algorithms = listed ?? publicKey.defaultAlgorithms;
    const families = [...familiesOf(algorithms)];
    const fits = families.every((family) => family && publicKey.families.includes(family));
    // An EC key's curve decides between ES256, ES384 and ES512.
    const curveFits = families[0] !== 'EC' || `${algorithms}` === `${publicKey.defaultAlgorithms}`;
    if (!fits || !curveFits || families.length !== 1) {
      const [usual] = publicKey.defaultAlgorithms;
      return report('algorithms', `must be what the public key is for, such as ${usual}`, COMPLETE);
    }
    return { kind: 'publicKey', publicKey, algorithms };
  } catch (error) {
    return report('publicKey', (error as Error).message);
  }
}

/** A key set at an address, or the one that the issuer's discovery document names. */
function resolveKeySet(input: KeyInput, given: GivenKeys, report: Report): Resolved {
  const { jwksUrl, algorithms = [...DEFAULT_ALGORITHMS.jwks] } = input;
  const { issuer, presetIssuers, audience, allowHttp } = given;
  const families = familiesOf(algorithms);
  if (jwksUrl !== undefined && !isSafeUrl(jwksUrl, allowHttp)) report('jwksUrl', SAFE_URL_RULE);
  const missing = 'is required with AUTH_ISSUER alone and with a JWKS URL';
  if (issuer === undefined && !presetIssuers) report('issuer', 'is required with a JWKS URL');
  if (audience === undefined && !presetIssuers) report('audience', missing);
  if (families.has('HMAC') || families.has(undefined)) {
    const message = 'must be public-key algorithms, such as RS256, PS256, ES256, EdDSA';
    report('algorithms', message, COMPLETE);
  }
  if (jwksUrl !== undefined) return { kind: 'jwks', url: jwksUrl, algorithms };
  if (issuer === undefined || !isSafeUrl(issuer, allowHttp)) {
    return report('issuer', `${SAFE_URL_RULE}: its discovery document is read`);
  }
  return { kind: 'discovery', issuer, allowHttp, algorithms };
}

export const SAFE_URL_RULE = 'must be an https URL, or http on loopback, without user and password';

/**
 * Whether an `@` comes behind the host: the password of `postgres://user:12#3@host` ends at its `#`, and the
 * address has `user` for its host and a part of the password for its port.
 */
export function hasLateAt({ pathname, search, hash }: URL): boolean {
  return (pathname + search + hash).includes('@');
}

/** https anywhere, http on loopback only unless allowed, and no credentials inside. */
export function isSafeUrl(address: string, allowHttp = false): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '') return false;
  // Google's key sets have an @ in their path, but no port.
  if ((url.port !== '' || url.hash !== '') && hasLateAt(url)) return false;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && (loopback || allowHttp));
}
