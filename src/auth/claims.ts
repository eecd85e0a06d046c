import type { Issuer, Provider } from '../config/identity/provider.ts';
import type { UserIdRules } from '../config/identity/providers.ts';
import { type Reason, ServiceError } from '../errors.ts';
import { MAX_UNIX_SECONDS } from '../identifiers.ts';
import { printable } from '../messages/printable.ts';
import { checkKind } from './kinds.ts';
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
  /** The claim `basic_token`, unchecked. */
  basicToken?: unknown;
};

/** A `credential_invalid` with its reason, whose values may be a stranger's. */
export function refuse(code: string, expected?: string, received?: string): ServiceError {
  const reason: Reason = {
    code,
    ...(expected !== undefined && { expected: printable(expected) }),
    ...(received !== undefined && { received: printable(received) }),
  };
  return new ServiceError('credential_invalid', { reason });
}

/** The provider settings that claim checks use. */
export type ClaimRules = Omit<Provider, 'keys'>;

/** What the JWS of the claims says besides them; empty for an introspection answer. */
export type JwsFacts = {
  /** The header parameter `typ`. */
  typ?: unknown;
  /** The only issuers that the key of the signature signs for; undefined: any. */
  keyIssuers?: readonly string[] | undefined;
};

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
  { typ, keyIssuers }: JwsFacts = {},
): Credential {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw refuse('claims', 'a JSON object', kindOf(value));
  }
  const claims = value as Claims;
  const issuer = checkIssuer(claims, rules.issuers, keyIssuers);
  checkAudience(claims, rules);
  checkKind(claims, typ, rules);
  checkRequired(claims, rules);
  const expiresAt = checkTimes(claims, rules, now);
  const subject = readSubject(claims, rules, ids);
  const userId = toUserId(subject, { issuer, prefix: rules.userPrefix }, ids);
  const { video_access: videoAccess, basic_token: basicToken } = claims;
  return { userId, subject, issuer, expiresAt, videoAccess, basicToken };
}

const TENANT = '{tenantid}';
const ENTRA_ISSUER =
  /^https:\/\/(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net|sts\.chinacloudapi\.cn)\/([0-9a-f-]{36}|\{tenantid\})\/(?:v2\.0)?$/i;

/** The result of one claim check. */
export type ExplainedClaim = { claim: string; refusal?: Reason };

/** The check that is listed only when it refuses. */
export const KIND = 'kind of token';

/** Runs every check of {@link checkClaims} and collects the refusals. */
export function explainClaims(
  claims: Claims,
  rules: ClaimRules,
  ids: UserIdRules,
  now: number,
  typ?: unknown,
): ExplainedClaim[] {
  const checks: Record<string, () => unknown> = {
    iss: () => checkIssuer(claims, rules.issuers),
    [rules.audienceClaim]: () => checkAudience(claims, rules),
    [KIND]: () => checkKind(claims, typ, rules),
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
  const explained = Object.entries(checks).map(([claim, check]): ExplainedClaim => {
    try {
      check();
      return { claim };
    } catch (error) {
      const { code, extras } = error as ServiceError;
      return { claim, refusal: extras.reason ?? { code } };
    }
  });
  return explained.filter(({ claim, refusal }) => refusal || claim !== KIND);
}

function checkIssuer(
  { iss, tid }: Claims,
  issuers: readonly Issuer[],
  keyIssuers?: readonly string[],
): string | undefined {
  if (iss !== undefined && typeof iss !== 'string') {
    throw refuse('claim_iss_type', 'a string', kindOf(iss));
  }
  const issuer = issuers.find((one) => one.iss === iss);
  if (issuers.length > 0 && !issuer) {
    throw refuse('claim_iss', listed(issuers.map((one) => one.iss)), quote(iss));
  }
  if (issuer?.tenant !== undefined && tid !== issuer.tenant) {
    throw refuse('claim_tid', issuer.tenant, quote(tid));
  }
  const spellings = issuers.flatMap((one) => (one.canonical === issuer?.canonical ? one.iss : []));
  if (keyIssuers && !signsFor(keyIssuers, spellings.length > 0 ? spellings : [String(iss)])) {
    throw refuse('key_issuer', listed(keyIssuers), quote(iss));
  }
  return issuer ? issuer.canonical : iss;
}

/**
 * Whether a key with these `issuer` members signs for an issuer with these spellings
 * (https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer).
 */
function signsFor(keyIssuers: readonly string[], spellings: readonly string[]): boolean {
  return keyIssuers.some((keyIssuer) => {
    const [start = '', end, ...more] = issuerScope(keyIssuer).split(TENANT);
    return spellings.map(issuerScope).some((scope) => {
      if (end === undefined) return scope === start;
      const tenant = scope.slice(start.length, scope.length - end.length);
      const fits = scope === start + tenant + end && /^[^/]+$/.test(tenant);
      return fits && more.length === 0;
    });
  });
}

/** Every spelling of one Entra tenant, in each of Microsoft's clouds, is one issuer; so is a last slash or none. */
function issuerScope(issuer: string): string {
  const tenant = ENTRA_ISSUER.exec(issuer)?.[1]?.toLowerCase();
  return tenant === undefined ? issuer.replace(/\/$/, '') : `entra:${tenant}`;
}

/** `aud` is a string or a list of strings (RFC 7519 section 4.1.3); other audience claims are one string. */
function checkAudience(claims: Claims, rules: ClaimRules): void {
  const { audience, audienceClaim, audienceOptional } = rules;
  const value = own(claims, audienceClaim);
  if (audience === undefined || (audienceOptional && value === undefined)) return;
  if (audience === null) {
    checkNoAudience(value);
    return;
  }
  const given: unknown[] = audienceClaim === 'aud' && Array.isArray(value) ? value : [value];
  if (!given.some((one) => audience.includes(one as string))) {
    throw refuse(
      `claim_${audienceClaim}`,
      listed(audience),
      given.map(quote).join(', ').slice(0, 200),
    );
  }
}

/** An empty list is no audience; any other audience is somebody's. */
function checkNoAudience(aud: unknown): void {
  if (aud === undefined || aud === null || (Array.isArray(aud) && aud.length === 0)) return;
  const given: unknown[] = Array.isArray(aud) ? aud : [aud];
  throw refuse('claim_aud', 'no audience', given.map(quote).join(', ').slice(0, 200));
}

function checkRequired(claims: Claims, { requiredClaims }: ClaimRules): void {
  for (const [name, required] of Object.entries(requiredClaims)) {
    const value = name.startsWith('/') ? atPointer(claims, name) : own(claims, name);
    if (!hasValue(name, value, required)) {
      const received = Array.isArray(value)
        ? value.map(quote).join(', ').slice(0, 200)
        : quote(value);
      throw refuse(`claim_${claimName(name)}`, required, received);
    }
  }
}

/** `scope` and `scp` are lists, also as text with spaces (RFC 6749 section 3.3); of a list, one member must match. */
function hasValue(name: string, value: unknown, required: string): boolean {
  const isScope = (name === 'scope' || name === 'scp') && typeof value === 'string';
  const values: unknown[] = isScope ? value.split(' ') : Array.isArray(value) ? value : [value];
  return values.some((one) =>
    typeof one === 'boolean' || typeof one === 'number'
      ? String(one) === required
      : one === required,
  );
}

/** A name of a claim as a part of a reason code. */
function claimName(name: string): string {
  return /^\w+$/.test(name) ? name : 'required';
}

/** The clock tolerance applies to `nbf` and `iat` only; `exp` is exact. */
function checkTimes(
  { exp, nbf, iat }: Claims,
  { clockToleranceSeconds }: ClaimRules,
  now: number,
): number {
  if (exp === undefined) throw refuse('claim_exp_missing', 'Unix seconds', 'missing');
  if (!Number.isFinite(exp)) throw refuse('claim_exp_type', 'Unix seconds', timeKind(exp));
  // A NumericDate may have a fraction (RFC 7519 section 2).
  const expiresAt = Math.floor(exp as number);
  if (expiresAt > MAX_UNIX_SECONDS) throw refuse('claim_exp', 'Unix seconds', quote(exp));
  for (const [name, time] of Object.entries({ nbf, iat })) {
    if (time === undefined) continue;
    if (typeof time !== 'number')
      throw refuse(`claim_${name}_type`, 'Unix seconds', timeKind(time));
    if (time > now + clockToleranceSeconds) {
      throw refuse(`claim_${name}`, `at most ${now + clockToleranceSeconds}`, quote(time));
    }
  }
  if (expiresAt <= now) throw new ServiceError('credential_expired');
  return expiresAt;
}

/** JSON parsers round larger numbers, so that two users could become one. */
const LARGE_NUMBER = `a number up to ${Number.MAX_SAFE_INTEGER}; a larger one must be sent as text`;

function readSubject(claims: Claims, rules: ClaimRules, ids: UserIdRules): string {
  const { userClaim, userClaimNumeric, userPrefix } = rules;
  const name = `claim_${/^\w+$/.test(userClaim) ? userClaim : 'user'}`;
  const value = userClaim.startsWith('/') ? atPointer(claims, userClaim) : own(claims, userClaim);
  if (value === undefined) throw refuse(`${name}_missing`, `a user id in ${userClaim}`, 'missing');
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw refuse(`${name}_type`, LARGE_NUMBER, 'a larger number');
  }
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
