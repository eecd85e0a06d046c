import { z } from 'zod';
import { DEFAULT_ALGORITHMS, familiesOf } from './algorithms.ts';
import { type PublicKey, parsePublicKey } from './public-key.ts';

const MIN_SECRET_BYTES = 32;

/** What a provider's signatures are checked with. */
type ProviderKey =
  | { kind: 'secret'; secret: Buffer<ArrayBuffer> }
  | { kind: 'publicKey'; publicKey: PublicKey }
  | { kind: 'jwks'; url: string };

/** One issuer of credentials and everything that is bound to it. */
export type Provider = {
  issuer: string | undefined;
  audience: string[] | undefined;
  algorithms: string[];
  userClaim: string;
  /** Put before the user claim, so that equal subjects of two providers stay two users. */
  userPrefix: string;
  /** For `nbf` and `iat`; `exp` has none. */
  clockToleranceSeconds: number;
  key: ProviderKey;
};

const text = z.string().min(1);

/** One provider as an operator writes it: an entry of AUTH_PROVIDERS_FILE, or the AUTH_ variables. */
export const providerSchema = z
  .strictObject({
    issuer: text.optional(),
    audience: z.union([text.transform((one) => [one]), z.array(text).min(1)]).optional(),
    secret: text.optional(),
    publicKey: text.optional(),
    jwksUrl: text.optional(),
    algorithms: z.array(text).min(1).optional(),
    userClaim: text.default('sub'),
    userPrefix: z.string().max(32).default(''),
    clockToleranceSeconds: z.int().min(0).max(60).default(5),
  })
  .transform((input, context): Provider => {
    const report: Report = (field, message) => {
      context.addIssue({ code: 'custom', path: [field], message });
    };
    const resolved = resolveKey(input, report);
    if (!resolved) return z.NEVER;
    const { issuer, audience, userClaim, userPrefix, clockToleranceSeconds } = input;
    const { key, algorithms } = resolved;
    return { issuer, audience, algorithms, userClaim, userPrefix, clockToleranceSeconds, key };
  });

type Report = (field: string, message: string) => undefined;
type KeyInput = {
  issuer?: string | undefined;
  audience?: string[] | undefined;
  secret?: string | undefined;
  publicKey?: string | undefined;
  jwksUrl?: string | undefined;
  algorithms?: string[] | undefined;
};
type Resolved = { key: ProviderKey; algorithms: string[] } | undefined;

function resolveKey(input: KeyInput, report: Report): Resolved {
  const { secret, publicKey, jwksUrl } = input;
  const given = [secret, publicKey, jwksUrl].filter((value) => value !== undefined);
  if (given.length !== 1) {
    return report('secret', 'give exactly one of secret, publicKey and jwksUrl');
  }
  if (secret !== undefined) return resolveSecret(secret, input.algorithms, report);
  if (publicKey !== undefined) return resolvePublicKey(publicKey, input.algorithms, report);
  return resolveJwks(jwksUrl as string, input, report);
}

function resolveSecret(secret: string, listed: string[] | undefined, report: Report): Resolved {
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    return report('secret', `must be at least ${MIN_SECRET_BYTES} bytes long`);
  }
  const algorithms = listed ?? [...DEFAULT_ALGORITHMS.secret];
  if ([...familiesOf(algorithms)].some((family) => family !== 'HMAC')) {
    return report('algorithms', 'must be of HS256, HS384 and HS512 with a shared secret');
  }
  return { key: { kind: 'secret', secret: bytes }, algorithms };
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
      return report('algorithms', 'must be of one family, and one that the public key is for');
    }
    return { key: { kind: 'publicKey', publicKey }, algorithms };
  } catch (error) {
    return report('publicKey', (error as Error).message);
  }
}

function resolveJwks(address: string, input: KeyInput, report: Report): Resolved {
  const algorithms = input.algorithms ?? [...DEFAULT_ALGORITHMS.jwks];
  const families = familiesOf(algorithms);
  if (!isSafeUrl(address)) report('jwksUrl', SAFE_URL_RULE);
  if (input.issuer === undefined) report('issuer', 'is required with a JWKS URL');
  if (input.audience === undefined) report('audience', 'is required with a JWKS URL');
  if (families.has('HMAC') || families.has(undefined)) {
    report('algorithms', 'must be public-key algorithms, such as RS256, PS256, ES256, EdDSA');
  }
  return { key: { kind: 'jwks', url: address }, algorithms };
}

export const SAFE_URL_RULE = 'must be an https URL, or http on loopback';

/** https anywhere, http on loopback only, and no credentials inside. */
export function isSafeUrl(address: string): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '') return false;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback);
}
