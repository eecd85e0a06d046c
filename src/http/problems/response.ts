import {
  type ErrorCode,
  type ErrorExtras,
  type FieldError,
  invalidRequest,
  ServiceError,
} from '../../errors.ts';
import { printable } from '../../messages/printable.ts';
import { type Action, PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from './table.ts';

const RETRY_AFTER_SECONDS = 2;

/** The bounds of `errors`, which the OpenAPI documents have. */
export const MAX_ERRORS = 100;
export const MAX_ERROR_LENGTH = 1_000;

/** A problem response (RFC 9457). */
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

/** Replacements for the default details, by code. */
export type ProblemDetails = Readonly<Partial<Record<ErrorCode, string>>>;

/** Converts an error to a response. An unexpected error is only reported as `internal_error`. */
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
    ...(errors && { errors: errors.slice(0, MAX_ERRORS).map(toShown) }),
    ...(availableFrom !== undefined && { availableFrom }),
  };
}

/** A client may name fields and list items as it likes. */
function toShown({ path, message }: FieldError): FieldError {
  const shown = (text: string) => printable(text.slice(0, MAX_ERROR_LENGTH));
  return { path: shown(path), message: shown(message) };
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

/** Converts any thrown value; Fastify's 4xx errors are client errors. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return isFastifyClientError(error)
    ? fromFastify(error)
    : new ServiceError('internal_error', { cause: error });
}

type FastifyClientError = { code: string; statusCode: number; message: string };

/** Checks the code, because errors of HTTP clients have a statusCode too: that of the response they received. */
function isFastifyClientError(error: unknown): error is FastifyClientError {
  const { code, statusCode = 500 } = (error ?? {}) as Partial<FastifyClientError>;
  return String(code).startsWith('FST_') && statusCode >= 400 && statusCode < 500;
}

function fromFastify({ code, message }: FastifyClientError): ServiceError {
  const known = FASTIFY_CODES[code];
  if (known) return new ServiceError(known);
  // Fastify's message quotes the URL, which may contain a credential.
  const what = code.startsWith('FST_ERR_CTP_') ? message : 'the address cannot be read';
  return invalidRequest(what);
}
