import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, onTestFinished, vi } from 'vitest';
import {
  createVideoTokenClient,
  type VideoToken,
  type VideoTokenClientOptions,
  type VideoTokenError,
} from '../../client/src/index.ts';

export const WANTED = { roomId: 'room', videoId: 'film' };

/** A request as the service saw it. */
export type Seen = { at: number; authorization: string | null; body: unknown };

type Reply = { status: number; body?: unknown; headers?: Record<string, string> };

/** What a service answers: a reply, one made at the time of the request, or nothing. */
export type Answer = Reply | (() => Reply) | 'silence';

/** Lets the timers and the clock of this process be set by `vi.advanceTimersByTimeAsync`. */
export function useFakeTime(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
  });
  onTestFinished(() => void vi.useRealTimers());
}

/** A `fetch` that gives these answers in turn, and the last one ever after; no socket takes time. */
export function scripted(...answers: Answer[]): { fetch: typeof fetch; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetch: typeof globalThis.fetch = async (_url, { body, headers, signal } = {}) => {
    signal?.throwIfAborted();
    const answer = answers[Math.min(seen.length, answers.length - 1)] as Answer;
    const authorization = new Headers(headers).get('authorization');
    seen.push({ at: Date.now(), authorization, body: JSON.parse(String(body)) });
    if (answer === 'silence') {
      return new Promise<Response>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    }
    const { status, body: reply = '', headers: sent = {} } = replyOf(answer);
    return new Response(textOf(reply), { status, headers: sent });
  };
  return { fetch, seen };
}

// A hook of the single test would be lost among tests that run at the same time.
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

type Handler = { handle(request: IncomingMessage, response: ServerResponse): void };

/** A server that gives these answers in turn, and the last one ever after. */
export async function answering(
  ...answers: (Answer | Handler)[]
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)] as Answer | Handler;
    const { authorization = null } = request.headers;
    const arrival = { at: performance.now(), authorization, body: undefined as unknown };
    seen.push(arrival);
    arrival.body = JSON.parse(await text(request));
    if (answer === 'silence') return;
    if ('handle' in answer) return answer.handle(request, response);
    const { status, body = '', headers = {} } = replyOf(answer);
    response.writeHead(status, headers);
    response.end(textOf(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function replyOf(answer: Reply | (() => Reply)): Reply {
  return typeof answer === 'function' ? answer() : answer;
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** A reply with a token that lives for so many seconds. */
export function issued(life: number, token = '04AAAA'): Answer {
  return () => ({
    status: 200,
    body: { token, expireAt: Math.floor(Date.now() / 1000) + life },
    headers: { date: new Date().toUTCString() },
  });
}

/** A refusal as the service words it. */
export function refused(
  status: number,
  code: string,
  action: string,
  { headers = {}, ...more }: { headers?: Record<string, string>; availableFrom?: number } = {},
): Answer {
  const body = { status, code, action, detail: `because of ${code}`, requestId: 'r-1', ...more };
  return { status, body, headers };
}

/** A client without chance, of an address or of a `fetch`. */
export function clientOf(url: string, options: Partial<VideoTokenClientOptions> = {}) {
  return createVideoTokenClient({ url, credential: 'a.b.c', random: () => 0, ...options });
}

/** A watch's handlers that keep what they are called with. */
export function record() {
  const tokens: string[] = [];
  const reasons: string[] = [];
  const denials: string[] = [];
  return {
    tokens,
    reasons,
    denials,
    handlers: {
      onToken({ token }: VideoToken, { reason }: { reason: string }) {
        tokens.push(token);
        reasons.push(reason);
      },
      onDenied: ({ code }: VideoTokenError) => void denials.push(code),
    },
  };
}
