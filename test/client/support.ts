import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll } from 'vitest';
import { createVideoTokenClient, type VideoTokenClientOptions } from '../../client/src/index.ts';

export const WANTED = { roomId: 'room', videoId: 'film' };

/** A request as the server saw it. */
export type Seen = { at: number; authorization: string | undefined; body: unknown };

/** What a server answers with: a status, a body and headers; or it does what it likes. */
export type Answer =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  | ((request: IncomingMessage, response: ServerResponse) => void);

// A hook of the single test would be lost among tests that run at the same time.
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

/** A server that gives these answers in turn, and the last one ever after. */
export async function answering(...answers: Answer[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)] as Answer;
    const { authorization } = request.headers;
    const arrival = { at: performance.now(), authorization, body: undefined as unknown };
    seen.push(arrival);
    arrival.body = JSON.parse(await text(request));
    if (typeof answer === 'function') return answer(request, response);
    const { status, body = '', headers = {} } = answer;
    response.writeHead(status, headers);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A reply with a token that lives for so many seconds. */
export function issued(life: number, token = '04AAAA'): Answer {
  return (_request, response) => {
    response.end(JSON.stringify({ token, expireAt: Math.floor(Date.now() / 1000) + life }));
  };
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

/** A client of that address, without chance. */
export function clientOf(url: string, options: Partial<VideoTokenClientOptions> = {}) {
  return createVideoTokenClient({ url, credential: 'a.b.c', random: () => 0, ...options });
}

/** What a watch tells, and a promise of its next piece of news. */
export function listen() {
  const news: { tokens: string[]; denials: string[] } = { tokens: [], denials: [] };
  let waiting = Promise.withResolvers<void>();
  const wake = () => {
    waiting.resolve();
    waiting = Promise.withResolvers();
  };
  return {
    ...news,
    next: () => waiting.promise,
    watcher: {
      onToken: ({ token }: { token: string }) => {
        news.tokens.push(token);
        wake();
      },
      onDenied: ({ code }: { code: string }) => {
        news.denials.push(code);
        wake();
      },
    },
  };
}
