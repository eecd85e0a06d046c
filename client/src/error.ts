import type { Problem } from './wire.ts';

/**
 * What is wrong: a code of the service, or one that only a client can see. `credential_unavailable`: the app's own
 * function failed to get the JWT. `origin_not_allowed`: something answers, and the browser shows no answer to this page:
 * its origin is not in CORS_ORIGINS, or a proxy answers while the service is down.
 */
export type VideoTokenCode =
  | Problem['code']
  | 'credential_unavailable'
  | 'network_error'
  | 'origin_not_allowed'
  | 'unexpected_reply';

/** What the app should do about it. */
export type VideoTokenAction = Problem['action'];

type Details = {
  code: VideoTokenCode;
  action: VideoTokenAction;
  status?: number | undefined;
  requestId?: string | undefined;
  availableFrom?: number | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
};

/**
 * Why there is no token. Branch on `action`, explain by `code`; `message` is for developers.
 *
 * @example
 * if (error instanceof VideoTokenError && error.action === 'leave_room') leaveRoom();
 */
export class VideoTokenError extends Error {
  readonly code: VideoTokenCode;
  readonly action: VideoTokenAction;
  /** The HTTP status; undefined when there was no reply. */
  readonly status: number | undefined;
  /** Also in the log of the service: show it where a person may report the error. */
  readonly requestId: string | undefined;
  /** With `video_not_started`: Unix seconds at which the film may be watched. */
  readonly availableFrom: number | undefined;
  /** Seconds for which the service asked to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(message: string, details: Details) {
    super(message, { cause: details.cause });
    this.name = 'VideoTokenError';
    this.code = details.code;
    this.action = details.action;
    this.status = details.status;
    this.requestId = details.requestId;
    this.availableFrom = details.availableFrom;
    this.retryAfter = details.retryAfter;
  }
}

/** Whether asking again, without anybody doing anything, may help. */
export function isTransient(error: unknown): error is VideoTokenError {
  return error instanceof VideoTokenError && error.action === 'retry';
}
