import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createConnections } from '../../src/http/connections.ts';

const STALLED_MS = 500;
/** More than the kernel buffers of a connection. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'x');
const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

/** A bare server behind our connections. */
async function listen(handle: RequestListener, stalledMs = 60_000) {
  const connections = createConnections();
  const server = createServer(connections.handleInOrder(handle));
  connections.watch(server, stalledMs);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => void server.close().closeAllConnections();
  return { server, close, port: (server.address() as AddressInfo).port };
}

async function open(handle: RequestListener, stalledMs?: number) {
  const { server, close, port } = await listen(handle, stalledMs);
  onTestFinished(close);
  return { server, client: connect(port, '127.0.0.1').on('error', () => {}) };
}

/** Resolves with how long the server kept its first connection. */
async function closed(server: Server): Promise<number> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  const started = performance.now();
  await once(socket, 'close');
  return performance.now() - started;
}

describe('a client that makes no progress', () => {
  it('is closed when it does not read its answer for the stall time-out', async () => {
    const { server, client } = await open((_request, response) => response.end(LARGE), STALLED_MS);
    client.pause().write(GET);
    expect(await closed(server)).toBeGreaterThan(STALLED_MS - 50);
  });

  it('is closed when it does not read while more of its requests wait', async () => {
    const { server, client } = await open((_request, response) => response.end(LARGE), STALLED_MS);
    client.pause().write(GET.repeat(1_000));
    expect(await closed(server)).toBeGreaterThan(STALLED_MS - 50);
  });

  it('is not closed while it waits for a handler that takes longer', async () => {
    const { client } = await open(async (_request, response) => {
      await delay(3 * STALLED_MS);
      response.setHeader('connection', 'close').end('late');
    }, STALLED_MS);
    client.write(GET);
    expect(String(await buffer(client))).toMatch(/late$/);
  });

  it('is not closed while it reads less than the server could send', async () => {
    // Long enough for a test on a busy machine to read in time.
    const stalledMs = 3 * STALLED_MS;
    const { client } = await open((_request, response) => {
      response.setHeader('connection', 'close').end(LARGE);
    }, stalledMs);
    client.pause().write(GET);
    let received = 0;
    const end = performance.now() + 2 * stalledMs;
    while (performance.now() < end) {
      received += (client.read() as Buffer | null)?.length ?? 0;
      // The kernel takes more of the server once a third of its buffer is free: 1 MB in a time-out.
      await delay(10);
    }
    expect(received).toBeLessThan(LARGE.length);
    expect(received + (await buffer(client)).length).toBeGreaterThan(LARGE.length);
  });

  it('is closed by the keep-alive time-out when it asks nothing more', async () => {
    const { server, client } = await open((_request, response) => response.end('done'));
    Object.assign(server, { keepAliveTimeout: 200, keepAliveTimeoutBuffer: 0 });
    client.resume().write(GET);
    expect(await closed(server)).toBeLessThan(5_000);
  });
});

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

it('passes bodies on byte for byte, wherever the stream is split', async () => {
  const { port, close } = await listen(async (request, response) => {
    response.end(`${request.url} ${digest(await buffer(request))}\n`);
  });
  const body = fc
    .tuple(fc.nat(16 * 1024), fc.uint8Array({ minLength: 1, maxLength: 64 }))
    .map(([length, bytes]) => Buffer.alloc(length, bytes));
  const chunked = fc.boolean();
  const splits = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
  const requests = fc.array(fc.record({ body, chunked }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(requests, splits, async (sent, points) => {
      const stream = Buffer.concat(sent.map((one, n) => encode(one, n, n === sent.length - 1)));
      const cuts = points.map((point) => Math.floor(point * stream.length)).sort((a, b) => a - b);
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const answers = buffer(socket);
      for (const [n, cut] of [...cuts, stream.length].entries()) {
        await new Promise((written) =>
          socket.write(stream.subarray(cuts[n - 1] ?? 0, cut), written),
        );
      }
      const lines = String(await answers).match(/^\/\d+ \w{64}$/gm);
      expect(lines).toEqual(sent.map(({ body: bytes }, n) => `/${n} ${digest(bytes)}`));
    }),
    { numRuns: 200 },
  );
  close();
});

/** The bytes of a request whose body is of one piece, or in chunks of up to 5,000 bytes. */
function encode({ body, chunked }: { body: Buffer; chunked: boolean }, n: number, last: boolean) {
  const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  const close = last ? 'Connection: close\r\n' : '';
  const head = `POST /${n} HTTP/1.1\r\nHost: test\r\n${close}${length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), ...(chunked ? inChunks(body) : [body])]);
}

function inChunks(body: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let from = 0; from < body.length; from += 5_000) {
    const chunk = body.subarray(from, from + 5_000);
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return [...chunks, Buffer.from('0\r\n\r\n')];
}
