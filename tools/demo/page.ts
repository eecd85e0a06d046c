import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { unixSeconds } from '../../src/time.ts';

const ROOT = new URL('../../', import.meta.url);
const SAMPLE = new URL('examples/directory.ndjson', ROOT);
const PAGE = '/examples/watch/index.html';
// Only the files of the page; the pattern excludes path traversal.
const FILES = /^\/(examples\/watch\/|client\/src\/)[a-z-]+\.(html|css|ts)$/;
const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  ts: 'text/javascript; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'self'; connect-src 'self' http://127.0.0.1:*; img-src data:; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** A page on loopback with a sign-in for the demo. */
export type DemoPage = {
  origin: string;
  /** Sets the URL of the service for the page. */
  serve(service: string): void;
  close(): void;
};

/**
 * Signs a JWT for a sample user, as an app does after checking a password.
 *
 * @example
 * const credential = await signIn('User_123', 3600, secret);
 */
export function signIn(user: string, seconds: number, secret: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setExpirationTime(unixSeconds() + seconds)
    .sign(Buffer.from(secret));
}

/**
 * The sample directory with dates relative to `now`: the premiere is tomorrow evening, and the expired licence
 * ended with last year.
 */
export async function sampleDirectory(now: Date): Promise<string> {
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const moved = {
    availableFrom: new Date(year, month, day + 1, 20).getTime() / 1000,
    availableUntil: new Date(year, 0, 1).getTime() / 1000,
  };
  const lines = (await readFile(SAMPLE, 'utf8')).trimEnd().split('\n');
  return lines
    .map((line) => JSON.stringify(JSON.parse(line), (key, value) => moved[key as never] ?? value))
    .join('\n');
}

/** Serves examples/watch on a free port. */
export async function openDemoPage(secret: string): Promise<DemoPage> {
  const service = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    answer(request, secret, service.promise).then(
      ([type, body]) => send(response, 200, type, body),
      () => send(response, 404, 'text', 'Not found'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve: service.resolve,
    close: () => void server.close().closeAllConnections(),
  };
}

/** Resolves to the type and the body of a response; rejects for an unknown path. */
async function answer(
  request: IncomingMessage,
  secret: string,
  service: Promise<string>,
): Promise<[type: string, body: string]> {
  const { url = '/', method } = request;
  if (method === 'POST' && url === '/sign-in') {
    const { user, seconds } = JSON.parse(await text(request));
    return ['json', JSON.stringify({ credential: await signIn(user, seconds, secret) })];
  }
  if (url === '/service') return ['json', JSON.stringify({ url: `${await service}/video-token` })];
  if (url === '/examples/directory.ndjson') return ['ndjson', await sampleDirectory(new Date())];
  const { pathname } = new URL(url, 'http://localhost');
  const path = pathname === '/' ? PAGE : pathname;
  if (!FILES.test(path)) throw new Error('not a file of the page');
  const content = await readFile(new URL(`.${path}`, ROOT), 'utf8');
  const extension = path.slice(path.lastIndexOf('.') + 1);
  return [extension, extension === 'ts' ? stripTypeScriptTypes(content) : content];
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const contentType = TYPES[type] ?? (type === 'json' ? 'application/json' : 'text/plain');
  response.writeHead(status, { 'content-type': contentType, ...HEADERS });
  response.end(body);
}
