import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { watchOrigins } from '../../src/http/origins.ts';
import { converse } from '../support/raw-http.ts';

const ALLOWED = 'https://app.example';
const OTHER = 'https://other.example';

/** A server that watches origins, with what it reported and a clock that the test sets. */
async function open() {
  const seen = { refused: 0, origins: [] as string[], now: 7 };
  const app = fastify();
  onTestFinished(() => app.close());
  const events = {
    onRefused: () => void seen.refused++,
    onNewOrigin: (origin: string) => void seen.origins.push(origin),
  };
  watchOrigins(app, [ALLOWED], events, () => seen.now);
  app.get('/', async () => 'ok');
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const visit = async (origin?: string, host = 'test') => {
    const lines = [`Host: ${host}`, 'Connection: close'];
    if (origin !== undefined) lines.push(`Origin: ${origin}`);
    const [answer] = await converse(port, `GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    expect(answer?.status).toBe(200);
  };
  return { seen, visit };
}

it('reports each request of a page whose origin is not allowed, and its origin once', async () => {
  const { seen, visit } = await open();
  for (const origin of [OTHER, 'http://other.example:8080', OTHER]) await visit(origin);
  expect(seen).toMatchObject({ refused: 3, origins: [OTHER, 'http://other.example:8080'] });
});

it.each([
  ['an allowed origin', ALLOWED, 'test'],
  ['no origin', undefined, 'test'],
  ["the service's own host", 'http://test', 'test'],
  ["the service's own host and port", 'https://test:8443', 'test:8443'],
])('reports no request with %s', async (_, origin, host) => {
  const { seen, visit } = await open();
  await visit(origin, host);
  expect(seen).toMatchObject({ refused: 0, origins: [] });
});

it.each([
  ['null', 'test', 'null'],
  ['', 'test', 'null'],
  ['no URL', 'test', 'null'],
  ['file:///page.html', '', 'file://'],
  ['https://test.other.example', 'test', 'https://test.other.example'],
  ['https://other.example/path?secret', 'test', OTHER],
  ['https://user:password@other.example', 'test', OTHER],
])('reports the origin %j at the host %j as %j', async (origin, host, reported) => {
  const { seen, visit } = await open();
  await visit(origin, host);
  expect(seen).toMatchObject({ refused: 1, origins: [reported] });
});

it('reports the first 200 characters of an origin', async () => {
  const { seen, visit } = await open();
  await visit(`https://${'a'.repeat(300)}`);
  expect(seen.origins).toEqual([`https://${'a'.repeat(192)}`]);
});

it('reports an origin again after a minute', async () => {
  const { seen, visit } = await open();
  await visit(OTHER);
  seen.now += 59_999;
  await visit(OTHER);
  expect(seen.origins).toEqual([OTHER]);
  seen.now += 1;
  await visit(OTHER);
  expect(seen.origins).toEqual([OTHER, OTHER]);
  seen.now += 59_999;
  await visit(OTHER);
  expect(seen).toMatchObject({ refused: 4, origins: [OTHER, OTHER] });
});

it('reports at most 20 origins a minute', async () => {
  const { seen, visit } = await open();
  for (let n = 0; n < 22; n++) await visit(`https://${n}.example`);
  expect(seen.refused).toBe(22);
  expect(seen.origins).toEqual(Array.from({ length: 20 }, (_, n) => `https://${n}.example`));
  seen.now += 60_000;
  await visit('https://21.example');
  expect(seen.origins.at(-1)).toBe('https://21.example');
});
