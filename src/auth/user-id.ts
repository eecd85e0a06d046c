import { createHmac } from 'node:crypto';
import type { UserIdRules } from '../config/identity/providers.ts';
import { ServiceError } from '../errors.ts';
import { HASHED_LENGTH, plainText, userIdSchema, ZEGO_RULES, zegoRefusal } from '../identifiers.ts';

/** Ids must be valid at ZEGO and are not hashed. */
export const STRICT_IDS: UserIdRules = { strict: true, hashKey: undefined };

const HASH_PREFIX = 'u_';
const subjectSchema = plainText().min(1).max(1024);

/** Why a subject cannot become a user id; undefined if it can. */
export function subjectProblem(subject: string, { strict, hashKey }: UserIdRules) {
  const schema = strict || hashKey !== undefined ? subjectSchema : userIdSchema;
  return schema.safeParse(subject).error?.issues[0]?.message;
}

/**
 * The user id for a subject of an issuer. A hashed id has no prefix: the hash covers the issuer.
 *
 * @throws {ServiceError} `user_not_allowed` for an id that ZEGO would refuse
 */
export function toUserId(
  subject: string,
  { issuer = '', prefix = '' }: { issuer: string | undefined; prefix?: string },
  { strict, hashKey, hashLength }: UserIdRules,
): string {
  if (hashKey !== undefined) return hashUserId(issuer, subject, hashKey, hashLength);
  const userId = prefix + subject;
  const refusal = strict ? zegoRefusal(userId, ZEGO_RULES.user) : undefined;
  if (!refusal) return userId;
  const { expected, received } = refusal;
  throw new ServiceError('user_not_allowed', {
    reason: { code: 'user_id_refused_by_zego', expected, received },
  });
}

/**
 * `u_` and the first characters of base64url(HMAC-SHA-256(issuer without trailing slash, NUL, subject)).
 * Neither part can contain a NUL.
 */
export function hashUserId(
  issuer: string,
  subject: string,
  key: string,
  length = HASHED_LENGTH,
): string {
  const hmac = createHmac('sha256', key);
  const hash = hmac.update(`${issuer.replace(/\/$/, '')}\0${subject}`).digest('base64url');
  return (HASH_PREFIX + hash).slice(0, length);
}
