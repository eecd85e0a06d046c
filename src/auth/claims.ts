import { ServiceError } from '../errors.ts';
import { MAX_UNIX_SECONDS, userIdSchema } from '../identifiers.ts';
import type { Provider } from './provider.ts';

/** Who asks, after the JWT has been verified. */
export type Credential = {
  /** 1 to 64 bytes, the provider's prefix included. */
  userId: string;
  issuer: string | undefined;
  /** Unix seconds. */
  expiresAt: number;
  /** The claim `video_access`, unchecked. */
  videoAccess: unknown;
};

/** Why a credential is refused: a stable code, and for the log alone what was expected and what came. */
export type Refusal = { code: string; expected?: string; received?: string };

/** A `credential_invalid` with its reason. */
export function refuse(code: string, expected?: string, received?: string): ServiceError {
  const cause: Refusal = {
    code,
    ...(expected !== undefined && { expected }),
    ...(received !== undefined && { received }),
  };
  return new ServiceError('credential_invalid', { cause });
}

/** What of a provider its claims are checked with. */
export type ClaimRules = Pick<
  Provider,
  'issuer' | 'audience' | 'userClaim' | 'userPrefix' | 'clockToleranceSeconds'
>;

type Claims = Readonly<Record<string, unknown>>;

/**
 * Checks the claims of a JWT whose signature has been verified (RFC 7519 section 4.1), and reads the user
 * from them. `now` is Unix seconds.
 *
 * @throws {ServiceError} `credential_invalid` with a {@link Refusal}, or `credential_expired`
 */
export function checkClaims(value: unknown, rules: ClaimRules, now: number): Credential {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw refuse('claims', 'a JSON object', kindOf(value));
  }
  const claims = value as Claims;
  const issuer = checkIssuer(claims, rules);
  checkAudience(claims, rules);
  const expiresAt = checkTimes(claims, rules, now);
  const userId = checkUser(claims, rules);
  return { userId, issuer, expiresAt, videoAccess: claims.video_access };
}

function checkIssuer({ iss }: Claims, { issuer }: ClaimRules): string | undefined {
  if (iss !== undefined && typeof iss !== 'string')
    throw refuse('claim_iss_type', 'a string', kindOf(iss));
  if (issuer !== undefined && iss !== issuer) throw refuse('claim_iss', issuer, quote(iss));
  return iss;
}

/** RFC 7519 section 4.1.3: a string, or a list that has ours among others. */
function checkAudience({ aud }: Claims, { audience }: ClaimRules): void {
  if (audience === undefined) return;
  const given: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!given.some((one) => audience.includes(one as string))) {
    throw refuse('claim_aud', audience.join(' or '), given.map(quote).join(', ').slice(0, 200));
  }
}

/** The clock tolerance is for `nbf` and `iat`: a credential ends at the second of its `exp`. */
function checkTimes(
  { exp, nbf, iat }: Claims,
  { clockToleranceSeconds }: ClaimRules,
  now: number,
): number {
  if (exp === undefined) throw refuse('claim_exp_missing', 'Unix seconds', 'missing');
  if (!Number.isInteger(exp)) throw refuse('claim_exp_type', 'Unix seconds', kindOf(exp));
  if ((exp as number) > MAX_UNIX_SECONDS) throw refuse('claim_exp', 'Unix seconds', quote(exp));
  for (const [name, time] of Object.entries({ nbf, iat })) {
    if (time === undefined) continue;
    if (typeof time !== 'number') throw refuse(`claim_${name}_type`, 'Unix seconds', kindOf(time));
    if (time > now + clockToleranceSeconds) {
      throw refuse(`claim_${name}`, `at most ${now + clockToleranceSeconds}`, quote(time));
    }
  }
  if ((exp as number) <= now) throw new ServiceError('credential_expired');
  return exp as number;
}

function checkUser(claims: Claims, { userClaim, userPrefix }: ClaimRules): string {
  const subject = Object.hasOwn(claims, userClaim) ? claims[userClaim] : undefined;
  const name = `claim_${/^\w+$/.test(userClaim) ? userClaim : 'user'}`;
  if (subject === undefined) throw refuse(`${name}_missing`, 'a user id', 'missing');
  if (typeof subject !== 'string') throw refuse(`${name}_type`, 'a string', kindOf(subject));
  const userId = userPrefix + subject;
  for (const text of [subject, userId]) {
    const { error } = userIdSchema.safeParse(text);
    if (error) throw refuse(name, error.issues[0]?.message, kindOf(text));
  }
  return userId;
}

/** The kind of a value that may be personal data. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? `${Buffer.byteLength(value)} bytes` : `a ${typeof value}`;
}

/** A value that names an app or a time, never a person. */
function quote(value: unknown): string {
  const isShown = typeof value === 'string' || typeof value === 'number';
  return isShown ? String(value).slice(0, 200) : kindOf(value);
}
