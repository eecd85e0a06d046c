import { type KeySet, parseKeySet } from './key-set.ts';
import { DEFAULT_ALGORITHMS, familiesOf, type PublicKey, parsePublicKey } from './public-key.ts';
import { decodeSecret, type SecretEncoding } from './secret.ts';

/** A bad signature is tried with each of them. */
const MAX_KEYS_PER_ALGORITHM = 8;

/** A verification key and its allowed algorithms. */
export type ProviderKey = { algorithms: string[] } & (
  | { kind: 'secret'; secret: Buffer<ArrayBuffer> }
  | { kind: 'publicKey'; publicKey: PublicKey }
  /** A key set in a file. */
  | { kind: 'keySet'; keySet: KeySet }
  | { kind: 'jwks'; url: string }
  /** The `jwks_uri` of the issuer's discovery document. */
  | { kind: 'discovery'; issuer: string; allowHttp: boolean }
);

type KeyFields = {
  secret?: string | undefined;
  secretEncoding?: SecretEncoding | undefined;
  publicKey?: string | undefined;
  /** The contents of the file. */
  jwksFile?: string | undefined;
  jwksUrl?: string | undefined;
  algorithms?: string[] | undefined;
};
/** One key; problems of a previous one are reported for its own field. */
type KeyInput = KeyFields & { isPrevious?: boolean };
type Resolved = ProviderKey | undefined;

/** Fields that determine a provider's keys. */
type GivenKeys = KeyFields & {
  provider?: string | undefined;
  issuer?: string | undefined;
  presetIssuers?: string[];
  audience?: string[] | null | undefined;
  secretPrevious?: string | undefined;
  publicKeyPrevious?: string | undefined;
  keys?: KeyFields[] | undefined;
  allowHttp: boolean;
};

/** Reports a problem with a field; with `isComplete`, no example is appended to the message. */
export type Report = (
  field: string,
  message: string,
  options?: { isComplete: boolean },
) => undefined;

export const COMPLETE = { isComplete: true };

/** Resolves a provider's keys; several may share an algorithm. */
export function resolveKeys(given: GivenKeys, report: Report): ProviderKey[] | undefined {
  const inputs = keyInputs(given, report);
  const keys = inputs?.flatMap((input) => resolveKey(input, given, report) ?? []);
  if (!keys || keys.length !== inputs?.length) return undefined;
  const byAlgorithm = Map.groupBy(
    keys.flatMap((key) => key.algorithms),
    (name) => name,
  );
  if ([...byAlgorithm.values()].every(({ length }) => length <= MAX_KEYS_PER_ALGORITHM))
    return keys;
  return report('keys', `must be at most ${MAX_KEYS_PER_ALGORITHM} for one algorithm`);
}

const ONE_KEY = ['secret', 'publicKey', 'jwksFile', 'jwksUrl'] as const;

function keyInputs(given: GivenKeys, report: Report): KeyInput[] | undefined {
  const { provider, issuer, secretEncoding, algorithms, keys } = given;
  if (!checkPrevious(given, report)) return undefined;
  const single = ONE_KEY.filter((name) => given[name] !== undefined);
  if (keys) {
    const isOne = keys.every((key) => ONE_KEY.filter((name) => key[name] !== undefined).length < 2);
    if (!isOne) return report('keys', `must have one of ${ONE_KEY.join(', ')} each`);
    if (single.length === 0 || provider !== undefined) return keys;
    return report('keys', 'cannot be combined with secret, publicKey, jwksFile and jwksUrl');
  }
  if (provider !== undefined) return presetKeys(given);
  const { secret, publicKey, jwksFile, jwksUrl } = given;
  if (single.length === 1) {
    const present = { secret, secretEncoding, publicKey, jwksFile, jwksUrl, algorithms };
    return [present, ...previousKeys(given, algorithms)];
  }
  if (single.length === 0 && issuer !== undefined) return [{ algorithms }];
  return report('secret', 'give exactly one of secret, publicKey, jwksFile and jwksUrl');
}

function checkPrevious(given: GivenKeys, report: Report): boolean {
  const alone = (['secret', 'publicKey'] as const).filter(
    (name) => given[`${name}Previous`] !== undefined && given[name] === undefined,
  );
  for (const name of alone) {
    report(`${name}Previous`, 'is for a key beside it: set the present one too', COMPLETE);
  }
  return alone.length === 0;
}

function previousKeys(
  { secretPrevious, secretEncoding, publicKeyPrevious }: GivenKeys,
  algorithms: string[] | undefined,
): KeyInput[] {
  const isPrevious = true;
  return [
    ...(secretPrevious === undefined
      ? []
      : [{ secret: secretPrevious, secretEncoding, algorithms, isPrevious }]),
    ...(publicKeyPrevious === undefined
      ? []
      : [{ publicKey: publicKeyPrevious, algorithms, isPrevious }]),
  ];
}

/** A secret supplements the key set of a preset, with its own algorithms; a public key or a file replaces it. */
function presetKeys(given: GivenKeys): KeyInput[] {
  const { secret, secretEncoding, publicKey, jwksFile, jwksUrl, algorithms = [] } = given;
  const isHmac = (name: string) => familiesOf([name]).has('HMAC');
  const listed = (names: string[]) => (names.length > 0 ? names : undefined);
  const asymmetric = listed(algorithms.filter((name) => !isHmac(name)));
  const symmetric = listed(algorithms.filter(isHmac));
  const { secretPrevious, publicKeyPrevious } = given;
  const isOwn = publicKey !== undefined || jwksFile !== undefined;
  return [
    { publicKey, jwksFile, ...(!isOwn && { jwksUrl }), algorithms: asymmetric },
    ...previousKeys({ publicKeyPrevious, allowHttp: false }, asymmetric),
    ...(secret === undefined ? [] : [{ secret, secretEncoding, algorithms: symmetric }]),
    ...previousKeys({ secretPrevious, secretEncoding, allowHttp: false }, symmetric),
  ];
}

function resolveKey(input: KeyInput, given: GivenKeys, report: Report): Resolved {
  const { secret, publicKey, jwksFile } = input;
  if (secret !== undefined) return resolveSecret(secret, input, report);
  if (publicKey !== undefined) return resolvePublicKey(publicKey, input, given, report);
  if (jwksFile !== undefined) return resolveKeySetFile(jwksFile, input.algorithms, report);
  return resolveKeySet(input, given, report);
}

function resolveSecret(text: string, input: KeyInput, report: Report): Resolved {
  const { secretEncoding, algorithms: listed, isPrevious = false } = input;
  try {
    const { bytes: secret, algorithm } = decodeSecret(text, secretEncoding);
    const algorithms = listed ?? (algorithm ? [algorithm] : [...DEFAULT_ALGORITHMS.secret]);
    if ([...familiesOf(algorithms)].some((family) => family !== 'HMAC')) {
      return report('algorithms', 'must be HS256, HS384 or HS512 with a shared secret');
    }
    if (algorithm && !algorithms.includes(algorithm)) {
      return report('algorithms', `must have ${algorithm}, the alg of the JWK`, COMPLETE);
    }
    return { kind: 'secret', secret, algorithms: algorithm ? [algorithm] : algorithms };
  } catch (error) {
    const { message } = error as Error;
    const isComplete = message.startsWith('is ');
    return report(isPrevious ? 'secretPrevious' : 'secret', message, { isComplete });
  }
}

function resolvePublicKey(
  pem: string,
  { algorithms: given, isPrevious = false }: KeyInput,
  { publicKeyPrevious }: GivenKeys,
  report: Report,
): Resolved {
  try {
    const publicKey = parsePublicKey(pem);
    const { defaultAlgorithms } = publicKey;
    // Two keys of different types each take the algorithms that fit them.
    const own = given?.filter((name) => fits(publicKey, [name])) ?? [];
    const listed = publicKeyPrevious !== undefined && own.length > 0 ? own : given;
    const algorithms = listed ?? defaultAlgorithms;
    if (!fits(publicKey, algorithms)) {
      return report(
        'algorithms',
        `must fit the public key, such as ${defaultAlgorithms[0]}`,
        COMPLETE,
      );
    }
    return { kind: 'publicKey', publicKey, algorithms };
  } catch (error) {
    return report(isPrevious ? 'publicKeyPrevious' : 'publicKey', (error as Error).message);
  }
}

function fits({ families, defaultAlgorithms }: PublicKey, algorithms: readonly string[]): boolean {
  const [family, ...more] = familiesOf(algorithms);
  if (family === undefined || more.length > 0 || !families.includes(family)) return false;
  // The curve of an EC key determines ES256, ES384 or ES512.
  return family !== 'EC' || `${algorithms}` === `${defaultAlgorithms}`;
}

/** A file with a key set. Other entries that cannot be used are skipped, as in a fetched one. */
function resolveKeySetFile(
  text: string,
  algorithms: string[] = [...DEFAULT_ALGORITHMS.jwks],
  report: Report,
): Resolved {
  if (!arePublic(algorithms, report)) return undefined;
  let keySet: KeySet;
  try {
    keySet = parseKeySet(text);
  } catch {
    return report('jwksFile', 'must hold a key set: a JSON object with keys, a list', COMPLETE);
  }
  const secret = keySet.skipped.find((one) => /a (private|symmetric) key$/.test(one));
  if (secret) {
    const message = `has ${secret}, which does not belong into a key set: give the public key`;
    return report('jwksFile', `${message}; a shared secret is AUTH_JWT_SECRET or secret`, COMPLETE);
  }
  if (keySet.keys.some((key) => key.algorithms.some((name) => algorithms.includes(name)))) {
    return { kind: 'keySet', keySet, algorithms };
  }
  const why = keySet.skipped.length > 0 ? `: ${keySet.skipped.slice(0, 3).join(', ')}` : '';
  return report('jwksFile', `has no key for ${algorithms.join(', ')}${why}`, COMPLETE);
}

function arePublic(algorithms: readonly string[], report: Report): boolean {
  const families = familiesOf(algorithms);
  if (!families.has('HMAC') && !families.has(undefined)) return true;
  const message = 'must be public-key algorithms, such as RS256, PS256, ES256, EdDSA';
  report('algorithms', message, COMPLETE);
  return false;
}

/** A key set at `jwksUrl`, or from the issuer's discovery document. */
function resolveKeySet(input: KeyInput, given: GivenKeys, report: Report): Resolved {
  const { jwksUrl, algorithms = [...DEFAULT_ALGORITHMS.jwks] } = input;
  const { issuer, presetIssuers, audience, allowHttp } = given;
  if (jwksUrl !== undefined && !isSafeUrl(jwksUrl, allowHttp)) report('jwksUrl', SAFE_URL_RULE);
  const missing = 'is required with AUTH_ISSUER alone and with a JWKS URL';
  if (issuer === undefined && !presetIssuers) report('issuer', 'is required with a JWKS URL');
  if (audience === undefined && !presetIssuers) report('audience', missing);
  arePublic(algorithms, report);
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
