import {
  DEFAULT_ALGORITHMS,
  familiesOf,
  isKeyText,
  type PublicKey,
  parsePublicKey,
} from './public-key.ts';

const MIN_SECRET_BYTES = 32;

/** A verification key and its allowed algorithms. */
export type ProviderKey = { algorithms: string[] } & (
  | { kind: 'secret'; secret: Buffer<ArrayBuffer> }
  | { kind: 'publicKey'; publicKey: PublicKey }
  | { kind: 'jwks'; url: string }
  /** The `jwks_uri` of the issuer's discovery document. */
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

/** Reports a problem with a field; with `isComplete`, no example is appended to the message. */
export type Report = (
  field: string,
  message: string,
  options?: { isComplete: boolean },
) => undefined;

export const COMPLETE = { isComplete: true };

/** Resolves a provider's keys: one, or several with disjoint algorithms. */
export function resolveKeys(given: GivenKeys, report: Report): ProviderKey[] | undefined {
  const inputs = keyInputs(given, report);
  const keys = inputs?.flatMap((input) => resolveKey(input, given, report) ?? []);
  if (!keys || keys.length !== inputs?.length) return undefined;
  const algorithms = keys.flatMap((key) => key.algorithms);
  if (new Set(algorithms).size === algorithms.length) return keys;
  return report('keys', 'must have different algorithms');
}

function keyInputs(given: GivenKeys, report: Report): KeyInput[] | undefined {
  const { provider, issuer, secret, publicKey, jwksUrl, algorithms, keys } = given;
  const single = [secret, publicKey, jwksUrl].filter((value) => value !== undefined);
  if (keys) {
    if (single.length === 0 || provider !== undefined) return keys;
    return report('keys', 'cannot be combined with secret, publicKey and jwksUrl');
  }
  if (provider !== undefined) return presetKeys(given);
  if (single.length === 1) return [{ secret, publicKey, jwksUrl, algorithms }];
  if (single.length === 0 && issuer !== undefined) return [{ algorithms }];
  return report('secret', 'give exactly one of secret, publicKey and jwksUrl');
}

/** A secret supplements the key set of a preset, with its own algorithms; a public key replaces it. */
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
    return report('secret', `${message}, so set it as the public key`, COMPLETE);
  }
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    return report('secret', `must be at least ${MIN_SECRET_BYTES} bytes long`);
  }
  const algorithms = listed ?? [...DEFAULT_ALGORITHMS.secret];
  if ([...familiesOf(algorithms)].some((family) => family !== 'HMAC')) {
    return report('algorithms', 'must be HS256, HS384 or HS512 with a shared secret');
  }
  return { kind: 'secret', secret: bytes, algorithms };
}

function resolvePublicKey(pem: string, listed: string[] | undefined, report: Report): Resolved {
  try {
    const publicKey = parsePublicKey(pem);
    const algorithms = listed ?? publicKey.defaultAlgorithms;
    const families = [...familiesOf(algorithms)];
    const fits = families.every((family) => family && publicKey.families.includes(family));
    // The curve of an EC key determines ES256, ES384 or ES512.
    const curveFits = families[0] !== 'EC' || `${algorithms}` === `${publicKey.defaultAlgorithms}`;
    if (!fits || !curveFits || families.length !== 1) {
      const [usual] = publicKey.defaultAlgorithms;
      return report('algorithms', `must fit the public key, such as ${usual}`, COMPLETE);
    }
    return { kind: 'publicKey', publicKey, algorithms };
  } catch (error) {
    return report('publicKey', (error as Error).message);
  }
}

/** A key set at `jwksUrl`, or from the issuer's discovery document. */
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
    return report('issuer', `${SAFE_URL_RULE}: the service reads its discovery document`);
  }
  return { kind: 'discovery', issuer, allowHttp, algorithms };
}

export const SAFE_URL_RULE = 'must be an https URL, or http on loopback, without user and password';

/**
 * Whether an `@` follows the host: in `postgres://user:12#3@host` the `#` starts the fragment, so `user` is parsed
 * as the host and a part of the password as the port.
 */
export function hasLateAt({ pathname, search, hash }: URL): boolean {
  return (pathname + search + hash).includes('@');
}

/** Requires https (http only on loopback, or with `allowHttp`) and no user or password. */
export function isSafeUrl(address: string, allowHttp = false): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '') return false;
  // Google's JWKS URLs have an @ in the path, but no port.
  if ((url.port !== '' || url.hash !== '') && hasLateAt(url)) return false;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && (loopback || allowHttp));
}
