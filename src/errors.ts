/** All problem codes. */
export const ERROR_CODES = [
  'invalid_request',
  'credential_missing',
  'credential_invalid',
  'credential_expired',
  'subject_mismatch',
  'user_not_allowed',
  'room_not_allowed',
  'video_not_allowed',
  'video_not_started',
  'video_ended',
  'region_not_allowed',
  'publish_not_allowed',
  'not_found',
  'method_not_allowed',
  'request_timeout',
  'body_too_large',
  'unsupported_media_type',
  'headers_too_large',
  'rate_limited',
  'internal_error',
  'dependency_unavailable',
  'key_unknown',
  'overloaded',
] as const;

/** Codes of the internal listener alone. */
export const INTERNAL_CODES = [
  'read_only_key',
  'precondition_failed',
  'https_required',
  'cross_site',
  'host_not_allowed',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number] | (typeof INTERNAL_CODES)[number];

/** An invalid field of a request and the rule it breaks. */
export type FieldError = { path: string; message: string };

/** Why a request failed, for the log and for operators. */
export type Reason = {
  /** A stable code, such as `claim_aud` or `audit_log_blocked`. */
  code: string;
  /** The value that the configuration requires. */
  expected?: string;
  /** The received value; for personal data only its type or length. */
  received?: string;
};

/** Optional details of an error. */
export type ErrorExtras = {
  /** Replaces the default detail. Sent to the client: no secrets, no internal details. */
  detail?: string;
  /** Unix seconds at which the licence window opens. */
  availableFrom?: number;
  errors?: FieldError[];
  /** Seconds after which the client should retry. */
  retryAfter?: number;
  /** The methods of the route, for the Allow header. */
  allow?: string[];
  /** Only logged: the reason, if known. */
  reason?: Reason;
  /** Only logged: the original error. */
  cause?: unknown;
};

/** A refusal or failure with a problem code, independent of HTTP. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly extras: ErrorExtras;

  constructor(code: ErrorCode, extras: ErrorExtras = {}) {
    super(extras.detail ?? code, extras.cause === undefined ? {} : { cause: extras.cause });
    this.code = code;
    this.extras = extras;
  }
}

/** Refuses a request that breaks one rule, at `path` or as a whole. */
export function invalidRequest(message: string, path = ''): ServiceError {
  return new ServiceError('invalid_request', { errors: [{ path, message }] });
}
