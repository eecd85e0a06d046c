import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay, setImmediate as nextIteration } from 'node:timers/promises';
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
  const server = createServer({ highWaterMark: 4_096 }, connections.handleInOrder(handle));
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

/** Resolves once so many iterations of the event loop have passed. */
async function iterations(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await nextIteration();
}

/** A server whose answers a test gives, one after the other, and the requests that it has parsed. */
async function openHeld() {
  const held: ServerResponse[] = [];
  const opened = await open((_request, response) => void held.push(response));
  let parsed = 0;
  opened.server.prependListener('request', () => void parsed++);
  const [accepted] = (await once(opened.server, 'connection')) as [Socket];
  const handled = (count: number) => expect.poll(() => held.length).toBe(count);
  return { ...opened, accepted, held, handled, parsed: () => parsed };
}

describe('a client that pipelines', () => {
  it('is not read while one of its requests waits, however small its writes are', async () => {
    const { client, accepted, held, handled, parsed } = await openHeld();
    client.setNoDelay().write(GET.repeat(2));
    await handled(1);
    for (let n = 0; n < 20; n++) {
      await new Promise((written) => client.write(GET, written));
      await iterations(5);
    }
    expect(parsed()).toBe(2);
    for (let n = 0; n < 22; n++) {
      await handled(n + 1);
      held[n]?.end();
    }
    expect(accepted.bytesRead).toBe(22 * GET.length);
  });

  it('is read no further with each answer than the requests before it need', async () => {
    const { client, accepted, held, handled } = await openHeld();
    client.resume().write(GET.repeat(200_000));
    for (let n = 0; n < 30; n++) {
      await handled(n + 1);
      held[n]?.end();
    }
    await iterations(20);
    // A read of Node.js, not one for each answer.
    expect(accepted.bytesRead).toBeLessThanOrEqual(2 * 65_536);
  });

  it('gets every answer, though it did not read the first ones for a while', async () => {
    const answer = Buffer.alloc(1024 * 1024, 'x');
    const { server, client } = await open((_request, response) => void response.end(answer));
    const connection = once(server, 'connection');
    const last = GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    client.pause().write(GET.repeat(19) + last);
    const [accepted] = (await connection) as [Socket];
    await expect.poll(() => accepted.writableNeedDrain).toBe(true);
    await iterations(20);
    const answers = String(await buffer(client));
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(20);
  });

  it('shares the event loop: 16 waiting requests start in an iteration, and none is forgotten', async () => {
    const count = 40;
    const held: ServerResponse[] = [];
    const startedIn: number[] = [];
    let iteration = 0;
    const { port, server, close } = await listen((request, response) => {
      if (request.url === '/first') held.push(response);
      else {
        startedIn.push(iteration);
        response.end();
      }
    });
    onTestFinished(close);
    let parsed = 0;
    server.prependListener('request', () => void parsed++);
    for (let n = 0; n < count; n++) {
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.resume().write(GET.replace('/', '/first') + GET);
    }
    await expect.poll(() => [held.length, parsed]).toEqual([count, 2 * count]);
    for (const response of held) response.end();
    while (startedIn.length < count) {
      await nextIteration();
      iteration++;
    }
    const inEach = [...Map.groupBy(startedIn, (one) => one).values()].map(({ length }) => length);
    expect(Math.max(...inEach)).toBeLessThanOrEqual(16);
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
