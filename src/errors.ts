/** Every way in which the service refuses or fails, as the client reads it in `code`. */
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

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One broken rule of a request: where, and what to do about it. */
export type FieldError = { path: string; message: string };

/** Why something is refused or fails, for the log and for operators. */
export type Reason = {
  /** Stable: `claim_aud`, `audit_log_blocked`. */
  code: string;
  /** What the configuration asks for. */
  expected?: string;
  /** What came; for personal data only its type or length. */
  received?: string;
};

/** What a refusal may add for the client. */
export type ErrorExtras = {
  /** Replaces the code's usual sentence. Goes to the client: never a secret, never an inner detail. */
  detail?: string;
  /** Unix seconds at which the licence window opens. */
  availableFrom?: number;
  errors?: FieldError[];
  /** Seconds after which it may be worth trying again. */
  retryAfter?: number;
  /** Methods that the route knows. */
  allow?: string[];
  /** For the log alone: why, where the service knows. */
  reason?: Reason;
  /** For the log alone: what a library or the system threw. */
  cause?: unknown;
};

/** A refusal or failure with a code of the contract; says nothing of HTTP. */
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

/** The refusal of a request that breaks one rule, of the field at `path` or of the whole. */
export function invalidRequest(message: string, path = ''): ServiceError {
  return new ServiceError('invalid_request', { errors: [{ path, message }] });
}
