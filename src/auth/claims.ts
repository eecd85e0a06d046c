import type { Issuer, Provider } from '../config/identity/provider.ts';
import type { UserIdRules } from '../config/identity/providers.ts';
import { type Reason, ServiceError } from '../errors.ts';
import { MAX_UNIX_SECONDS } from '../identifiers.ts';
import { subjectProblem, toUserId } from './user-id.ts';

/** The authenticated user of a request. */
export type Credential = {
  /** The user id at ZEGO, including the provider's prefix. */
  userId: string;
  /** The raw user claim. */
  subject: string;
  /** In its canonical form. */
  issuer: string | undefined;
  /** Unix seconds. */
  expiresAt: number;
  /** The claim `video_access`, unchecked. */
  videoAccess: unknown;
};

/** A `credential_invalid` with its reason. */
export function refuse(code: string, expected?: string, received?: string): ServiceError {
  const reason: Reason = {
    code,
    ...(expected !== undefined && { expected }),
    ...(received !== undefined && { received }),
  };
  return new ServiceError('credential_invalid', { reason });
}

/** The provider settings that claim checks use. */
export type ClaimRules = Omit<Provider, 'keys'>;

type Claims = Readonly<Record<string, unknown>>;

/**
 * Checks the claims of a JWT whose signature has been verified (RFC 7519 section 4.1), and reads the user
 * from them. `now` is Unix seconds.
 *
 * @throws {ServiceError} `credential_invalid` with a {@link Reason}, `credential_expired`, or
 * `user_not_allowed` for an id that ZEGO would refuse
 */
export function checkClaims(
  value: unknown,
  rules: ClaimRules,
  ids: UserIdRules,
  now: number,
): Credential {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw refuse('claims', 'a JSON object', kindOf(value));
  }
  const claims = value as Claims;
  const issuer = checkIssuer(claims, rules.issuers);
  checkAudience(claims, rules);
  checkRequired(claims, rules);
  const expiresAt = checkTimes(claims, rules, now);
  const subject = readSubject(claims, rules, ids);
  const userId = toUserId(subject, { issuer, prefix: rules.userPrefix }, ids);
  return { userId, subject, issuer, expiresAt, videoAccess: claims.video_access };
}

/** The result of one claim check. */
export type ExplainedClaim = { claim: string; refusal?: Reason };

/** Runs every check of {@link checkClaims} and collects the refusals. */
export function explainClaims(
  claims: Claims,
  rules: ClaimRules,
  ids: UserIdRules,
  now: number,
): ExplainedClaim[] {
  const checks: Record<string, () => unknown> = {
    iss: () => checkIssuer(claims, rules.issuers),
    [rules.audienceClaim]: () => checkAudience(claims, rules),
    ...(Object.keys(rules.requiredClaims).length > 0 && {
      [Object.keys(rules.requiredClaims).join(', ')]: () => checkRequired(claims, rules),
    }),
    'exp, nbf, iat': () => checkTimes(claims, rules, now),
    [rules.userClaim]: () => {
      const subject = readSubject(claims, rules, ids);
      // A mapped id is never refused, so its issuer does not matter.
      toUserId(subject, { issuer: undefined, prefix: rules.userPrefix }, ids);
    },
  };
  return Object.entries(checks).map(([claim, check]) => {
    try {
      check();
      return { claim };
    } catch (error) {
      const { code, extras } = error as ServiceError;
      return { claim, refusal: extras.reason ?? { code } };
    }
  });
}

function checkIssuer({ iss, tid }: Claims, issuers: readonly Issuer[]): string | undefined {
  if (iss !== undefined && typeof iss !== 'string') {
    throw refuse('claim_iss_type', 'a string', kindOf(iss));
  }
  if (issuers.length === 0) return iss;
  const issuer = issuers.find((one) => one.iss === iss);
  if (!issuer) throw refuse('claim_iss', listed(issuers.map((one) => one.iss)), quote(iss));
  const { canonical, tenant } = issuer;
  if (tenant !== undefined && tid !== tenant) throw refuse('claim_tid', tenant, quote(tid));
  return canonical;
}

/** `aud` is a string or a list of strings (RFC 7519 section 4.1.3); other audience claims are one string. */
function checkAudience(claims: Claims, rules: ClaimRules): void {
  const { audience, audienceClaim, audienceOptional } = rules;
  const value = own(claims, audienceClaim);
  if (audience === undefined || (audienceOptional && value === undefined)) return;
  const given: unknown[] = audienceClaim === 'aud' && Array.isArray(value) ? value : [value];
  if (!given.some((one) => audience.includes(one as string))) {
    throw refuse(
      `claim_${audienceClaim}`,
      listed(audience),
      given.map(quote).join(', ').slice(0, 200),
    );
  }
}

function checkRequired(claims: Claims, { requiredClaims }: ClaimRules): void {
  for (const [name, required] of Object.entries(requiredClaims)) {
    const value = own(claims, name);
    if (value !== required) throw refuse(`claim_${name}`, required, quote(value));
  }
}

/** The clock tolerance applies to `nbf` and `iat` only; `exp` is exact. */
function checkTimes(
  { exp, nbf, iat }: Claims,
  { clockToleranceSeconds }: ClaimRules,
  now: number,
): number {
  if (exp === undefined) throw refuse('claim_exp_missing', 'Unix seconds', 'missing');
  if (!Number.isInteger(exp)) throw refuse('claim_exp_type', 'Unix seconds', timeKind(exp));
  if ((exp as number) > MAX_UNIX_SECONDS) throw refuse('claim_exp', 'Unix seconds', quote(exp));
  for (const [name, time] of Object.entries({ nbf, iat })) {
    if (time === undefined) continue;
    if (typeof time !== 'number')
      throw refuse(`claim_${name}_type`, 'Unix seconds', timeKind(time));
    if (time > now + clockToleranceSeconds) {
      throw refuse(`claim_${name}`, `at most ${now + clockToleranceSeconds}`, quote(time));
    }
  }
  if ((exp as number) <= now) throw new ServiceError('credential_expired');
  return exp as number;
}

function readSubject(claims: Claims, rules: ClaimRules, ids: UserIdRules): string {
  const { userClaim, userClaimNumeric, userPrefix } = rules;
  const name = `claim_${/^\w+$/.test(userClaim) ? userClaim : 'user'}`;
  const value = userClaim.startsWith('/') ? atPointer(claims, userClaim) : own(claims, userClaim);
  if (value === undefined) throw refuse(`${name}_missing`, `a user id in ${userClaim}`, 'missing');
  const isId = userClaimNumeric && Number.isSafeInteger(value) && (value as number) > 0;
  const subject = isId ? String(value) : value;
  if (typeof subject !== 'string') throw refuse(`${name}_type`, 'a string', kindOf(subject));
  for (const text of [subject, userPrefix + subject]) {
    const problem = subjectProblem(text, ids);
    if (problem) throw refuse(name, problem, kindOf(text));
  }
  return subject;
}

/** Resolves a JSON Pointer (RFC 6901); arrays are not traversed. */
function atPointer(claims: Claims, pointer: string): unknown {
  const names = pointer.slice(1).split('/');
  return names.reduce<unknown>(
    (value, name) => own(value, name.replaceAll('~1', '/').replaceAll('~0', '~')),
    claims,
  );
}

/** Reads an own property. */
function own(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Claims)[name] : undefined;
}

/** Describes a value without quoting it, since it may be personal data. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? `${Buffer.byteLength(value)} bytes` : `a ${typeof value}`;
}

function timeKind(value: unknown): string {
  return typeof value === 'string' ? 'a string' : kindOf(value);
}

/** Quotes a value that cannot be personal data: an app, an issuer or a time. */
function quote(value: unknown): string {
  const isShown = typeof value === 'string' || typeof value === 'number';
  return isShown ? String(value).slice(0, 200) : kindOf(value);
}

function listed(values: readonly string[]): string {
  return values.join(' or ');
}
