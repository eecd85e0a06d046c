import { Readable } from 'node:stream';
import { secondsAhead } from './time.ts';

/** A request to a dependency. */
export type FetchTextOptions = {
  maxBytes: number;
  timeoutMs: number;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** Called on a 200 response with the clock difference. */
  onClock?: ((secondsAhead: number) => void) | undefined;
};

/** The dependency answered with a status other than 200. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;
  /** Whole seconds, from the header Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(status: number, retryAfter?: number) {
    super(`unexpected status ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Seconds or a date (RFC 9110 section 10.2.3), at most an hour. */
function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  const seconds = /^\d{1,10}$/.test(text)
    ? Number(text)
    : Math.ceil((Date.parse(/^[A-Z]/i.test(text) ? text : '') - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 1), 3_600);
}

/**
 * Fetches the body of a 200 response, with limits on time and size; does not follow redirects.
 *
 * @throws {StatusError} on any other status
 * @throws {Error} on timeout, and if the body is too long or not UTF-8
 */
export async function fetchText(url: string, options: FetchTextOptions): Promise<string> {
  const { maxBytes, timeoutMs, onClock, ...request } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { ...request, redirect: 'manual', signal });
  return readText(response, { maxBytes, onClock });
}

type Answer = {
  status: number;
  headers: Headers;
  body: ReadableStream<Uint8Array> | Readable | null;
};

/** Reads the body of a 200 response, with a limit on its size. */
export async function readText(
  { status, headers, body }: Answer,
  { maxBytes, onClock }: Pick<FetchTextOptions, 'maxBytes' | 'onClock'>,
): Promise<string> {
  if (status !== 200 || body === null) {
    if (body instanceof Readable) body.destroy();
    else await body?.cancel();
    throw new StatusError(status, retryAfterOf(headers));
  }
  const ahead = onClock && secondsAhead(headers);
  if (ahead !== undefined) onClock?.(ahead);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Throwing out of the loop cancels the body.
    if (bytes > maxBytes)
      throw Object.assign(new Error(`more than ${maxBytes} bytes`), { code: 'TOO_LONG' });
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}
