import {
  type ErrorCode,
  type ErrorExtras,
  type FieldError,
  invalidRequest,
  ServiceError,
} from '../../errors.ts';
import { type Action, PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from './table.ts';

const RETRY_AFTER_SECONDS = 2;

/** An answer that is a problem (RFC 9457). */
export type ProblemResponse = {
  status: number;
  headers: Record<string, string>;
  /** JSON, `application/problem+json`. */
  body: string;
};

/** The members of a problem. */
type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  action: Action;
  requestId: string;
  errors?: FieldError[];
  availableFrom?: number;
};

/** Sentences in place of the usual ones, by code. */
export type ProblemDetails = Readonly<Partial<Record<ErrorCode, string>>>;

/** Turns a refusal into an answer. An unexpected error is reported only as `internal_error`. */
export function toProblemResponse(
  error: ServiceError,
  requestId: string,
  details: ProblemDetails = {},
): ProblemResponse {
  const { status } = PROBLEM_TYPES[error.code];
  return {
    status,
    headers: headersOf(error.code, status, error.extras),
    body: JSON.stringify(toProblem(error, requestId, details)),
  };
}

function toProblem(
  { code, extras }: ServiceError,
  requestId: string,
  details: ProblemDetails,
): Problem {
  const { status, title, detail, action } = PROBLEM_TYPES[code];
  const { errors = status === 400 ? [] : undefined, availableFrom } = extras;
  return {
    type: `urn:zego-video-token:problem:${code}`,
    title,
    status,
    detail: extras.detail ?? details[code] ?? detail,
    code,
    action,
    requestId,
    ...(errors && { errors }),
    ...(availableFrom !== undefined && { availableFrom }),
  };
}

function headersOf(code: ErrorCode, status: number, extras: ErrorExtras): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': `${PROBLEM_MEDIA_TYPE}; charset=utf-8`,
    'cache-control': 'no-store',
  };
  if (status === 401) {
    headers['www-authenticate'] =
      code === 'credential_missing' ? 'Bearer' : 'Bearer error="invalid_token"';
  }
  if (status === 429 || status === 503) {
    headers['retry-after'] = String(extras.retryAfter ?? RETRY_AFTER_SECONDS);
  }
  if (extras.allow) headers.allow = extras.allow.join(', ');
  return headers;
}

const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_NOT_FOUND: 'not_found',
};

/** Anything thrown, as an error with a code: Fastify's are the client's fault when it says so. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return isClientsFault(error)
    ? fromFastify(error)
    : new ServiceError('internal_error', { cause: error });
}

type FastifysError = { code: string; statusCode: number; message: string };

/** Other libraries' errors have a statusCode too: that of an answer that they got, not ours. */
function isClientsFault(error: unknown): error is FastifysError {
  const { code, statusCode = 500 } = (error ?? {}) as Partial<FastifysError>;
  return String(code).startsWith('FST_') && statusCode >= 400 && statusCode < 500;
}

function fromFastify({ code, message }: FastifysError): ServiceError {
  const known = FASTIFY_CODES[code];
  if (known) return new ServiceError(known);
  // What Fastify says of an address quotes it, and there may be a credential in it.
  const what = code.startsWith('FST_ERR_CTP_') ? message : 'the address cannot be read';
  return invalidRequest(what);
}
