import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
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
  const server = createServer({ highWaterMark: 4_096 }, connections.oneAtATime(handle));
  connections.watch(server, stalledMs);
  server.on('clientError', (error: { code?: string }, socket) =>
    connections.endWith(socket, () => `HTTP/1.1 400 ${error.code}\r\n\r\n`),
  );
  server.on('connect', ({ socket }) => connections.endTunnel(socket, () => 'no tunnel'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => void server.close().closeAllConnections();
  return { server, close, port: (server.address() as AddressInfo).port };
}

async function open(handle: RequestListener, stalledMs?: number, options = {}) {
  const { server, close, port } = await listen(handle, stalledMs);
  onTestFinished(close);
  const client = connect({ port, host: '127.0.0.1', ...options }).on('error', () => {});
  return { server, client };
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

/** A server whose answers a test gives, one after the other, and both ends of a connection to it. */
async function openHeld(options: { allowHalfOpen?: boolean } = {}) {
  const held: ServerResponse[] = [];
  const opened = await open((_request, response) => void held.push(response), 60_000, options);
  let parsed = 0;
  opened.server.prependListener('request', () => void parsed++);
  const [accepted] = (await once(opened.server, 'connection')) as [Socket];
  return { ...opened, accepted, held, parsed: () => parsed };
}

/** Resolves once so many iterations of the event loop have passed. */
async function iterations(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await nextIteration();
}

/** What a connection has read when it reads no more. */
async function readWhenPaused(accepted: Socket): Promise<number> {
  await expect.poll(() => accepted.isPaused()).toBe(true);
  await iterations(50);
  return accepted.bytesRead;
}

describe('a client that pipelines', () => {
  it('has one of its requests handled, and is read no further', async () => {
    const { client, accepted, held, parsed } = await openHeld();
    client.write(GET.repeat(200_000));
    expect(await readWhenPaused(accepted)).toBeLessThanOrEqual(2 * 65_536);
    expect(held).toHaveLength(1);
    // What a slice of 1 kB can hold.
    expect(parsed()).toBeLessThanOrEqual(Math.ceil(1_024 / GET.length));
  });

  it('gets the answer that it waits for though it goes on sending, and then the end', async () => {
    const { client, accepted, held } = await openHeld();
    const received = buffer(client);
    const chunk = GET.repeat(2_000);
    const send = () => {
      while (client.writable && client.write(chunk));
    };
    client.on('drain', send);
    send();
    await readWhenPaused(accepted);
    const began = performance.now();
    held[0]?.end('the answer');
    expect(String(await received)).toMatch(/connection: close\r\n.*the answer$/is);
    expect(performance.now() - began).toBeLessThan(2_000);
    // 256 kB after the answer, in whole reads.
    expect(accepted.bytesRead).toBeLessThanOrEqual(2 * 65_536 + 256 * 1024 + 2 * 65_536);
  });

  it('gets no answer to a request that comes while the answer to another is sent', async () => {
    const { client, server } = await open((_request, response) => response.write('begun'));
    client.write(GET);
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
    await once(client, 'data');
    client.write(GET);
    await iterations(20);
    const rest = buffer(client);
    response.end('ended');
    expect(String(await rest)).toContain('ended');
  });
});

describe('the end of a connection', () => {
  it('is the end of its requests: one that comes behind the last answer has no handler', async () => {
    let handled = 0;
    const { client } = await open((_request, response) => {
      handled++;
      response.setHeader('connection', 'close').end('done');
    });
    client.write(GET);
    await once(client, 'data');
    client.write(GET);
    await iterations(50);
    expect(handled).toBe(1);
    client.destroy();
  });

  it('comes behind an answer before the end of the body, with no second one', async () => {
    const { client } = await open((_request, response) => response.end('early'));
    const received = buffer(client);
    client.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n1234567890');
    expect(String(await received).match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('comes behind an answer that has begun when the body is broken, with no second one', async () => {
    const { client } = await open((_request, response) => response.write('begun'));
    const received = buffer(client);
    client.write('POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n');
    await once(client, 'data');
    client.write('zz\r\n');
    expect(String(await received).match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

describe('the keep-alive time', () => {
  async function openWith(keepAliveTimeout: number, handle: RequestListener) {
    const { server, port, close } = await listen(handle);
    onTestFinished(close);
    Object.assign(server, { keepAliveTimeout, keepAliveTimeoutBuffer: 0 });
    return connect(port, '127.0.0.1').on('error', () => {});
  }

  it('does not end a connection that waits for its answer', async () => {
    const client = await openWith(100, async (_request, response) => {
      await delay(400);
      response.setHeader('connection', 'close').end('late');
    });
    client.write(GET);
    expect(String(await buffer(client))).toMatch(/late$/);
  });

  it('does not end a connection whose head is incomplete', async () => {
    const client = await openWith(100, (_request, response) => {
      response.setHeader('connection', 'close').end('done');
    });
    client.write('GET / HTTP/1.1\r\n');
    await delay(400);
    client.write('Host: test\r\n\r\n');
    expect(String(await buffer(client))).toMatch(/done$/);
  });

  it('begins with the last answer', async () => {
    const client = await openWith(600, (_request, response) => response.end('done'));
    const ended = once(client, 'close').then(() => performance.now());
    await delay(400);
    client.write(GET);
    await once(client, 'data');
    const answered = performance.now();
    expect((await ended) - answered).toBeGreaterThan(450);
  });
});

it('waits for the client at the end, though not for ever', async () => {
  const { server, client } = await open((_request, response) => {
    response.setHeader('connection', 'close').end('done');
  });
  client.pause().write(GET);
  const kept = await closed(server);
  expect(kept).toBeGreaterThan(950);
  expect(kept).toBeLessThan(3_000);
});

describe('a body', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: test\r\n';

  it('is not read, but for a part, before its handler reads it', async () => {
    const { client, accepted, held } = await openHeld();
    client.write(`${POST}Content-Length: 100000000\r\n\r\n`);
    client.write(Buffer.alloc(50_000_000));
    expect(await readWhenPaused(accepted)).toBeLessThanOrEqual(2 * 65_536);
    expect(held[0]?.req.readableLength).toBeLessThanOrEqual(5 * 1_024);
  });

  it('is parsed 4 kB at a time, however small its chunks are and however fast it is read', async () => {
    const count = 10_000;
    let received = 0;
    const { client } = await open((request, response) => {
      request.on('data', () => received++).on('end', () => response.end('done'));
    });
    client.write(`${POST}Transfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(count)}0\r\n\r\n`);
    const inEach: number[] = [];
    for (let before = 0; received < count; before = received) {
      await nextIteration();
      inEach.push(received - before);
    }
    // A chunk of a byte takes six; two turns can come between two looks.
    expect(Math.max(...inEach)).toBeLessThanOrEqual((2 * 4_096) / 6 + 2);
    expect(String(await once(client, 'data'))).toMatch(/done/);
  });

  it('is parsed for four slices before its handler reads it', async () => {
    const { client, held } = await openHeld();
    client.write(`${POST}Content-Length: 100000\r\n\r\n`);
    await expect.poll(() => held.length).toBe(1);
    client.write(Buffer.alloc(50_000));
    await expect.poll(() => held[0]?.req.readableLength).toBeGreaterThan(3 * 1_024);
    await iterations(50);
    expect(held[0]?.req.readableLength).toBeLessThanOrEqual(5 * 1_024);
  });

  it('is read as fast as its handler reads it', async () => {
    const { client, accepted, held } = await openHeld();
    client.write(`${POST}Content-Length: 100000000\r\n\r\n`);
    client.write(Buffer.alloc(50_000_000));
    await readWhenPaused(accepted);
    const pieces = (held[0] as ServerResponse).req[Symbol.asyncIterator]();
    let taken = 0;
    while (taken < 300_000) taken += (await pieces.next()).value.length;
    await iterations(50);
    expect(accepted.bytesRead).toBeLessThanOrEqual(300_000 + 4 * 65_536);
  });

  it('of which a part was read is complete when the client has ended its side', async () => {
    const { server, port, close } = await listen(async (request, response) => {
      await iterations(20);
      let length = 0;
      for await (const piece of request) {
        length += piece.length;
        await nextIteration();
      }
      response.setHeader('connection', 'close').end(String(length));
    });
    onTestFinished(close);
    Object.assign(server, { httpAllowHalfOpen: true });
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.end(`${POST}Content-Length: 60000\r\n\r\n${' '.repeat(60_000)}`);
    expect(String(await buffer(client))).toMatch(/60000$/);
  });
});

describe('a body in chunks of a byte whose client has ended its side', () => {
  const count = 10_000;
  const bytes = `POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(count)}0\r\n\r\n`;

  it('is not parsed, but for a part, before its handler reads it, and then is read whole', async () => {
    const { client, server, accepted, held } = await openHeld({ allowHalfOpen: true });
    Object.assign(server, { httpAllowHalfOpen: true });
    client.end(bytes);
    await expect.poll(() => accepted.readableEnded).toBe(true);
    await delay(100);
    const { req } = held[0] as ServerResponse;
    expect(req.complete).toBe(false);
    expect(req.readableLength).toBeLessThanOrEqual(1_024);
    expect((await buffer(req)).length).toBe(count);
    held[0]?.end('the answer');
    expect(String(await buffer(client))).toMatch(/the answer$/);
  });

  it('is dropped when its request is refused', async () => {
    const { client, server, held } = await openHeld({ allowHalfOpen: true });
    Object.assign(server, { httpAllowHalfOpen: true });
    client.end(bytes);
    await expect.poll(() => held.length).toBe(1);
    await delay(100);
    held[0]?.writeHead(401, { connection: 'close' }).end('refused');
    expect(String(await buffer(client))).toContain('refused');
  });
});

it('sends a large answer whole though a CONNECT came behind its request', async () => {
  const { client } = await open((_request, response) => response.end(LARGE));
  client.write(`${GET}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect((await buffer(client)).length).toBeGreaterThan(LARGE.length);
});

it('closes a client that does not read an answer with a CONNECT behind it', async () => {
  const { server, client } = await open((_request, response) => response.end(LARGE), STALLED_MS);
  client.pause().write(`${GET}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(await closed(server)).toBeLessThan(10 * STALLED_MS);
});

describe('the head of a request', () => {
  it('may come behind any number of empty lines', async () => {
    const { client, server } = await open((_request, response) => {
      response.setHeader('connection', 'close').end('done');
    });
    const [accepted] = (await once(server, 'connection')) as [Socket];
    client.write(`${'\r\n'.repeat(200)}GET / HTTP/1.1\r\n`);
    await expect.poll(() => accepted.bytesRead).toBeGreaterThan(400);
    client.write('Host: test\r\n\r\n');
    expect(String(await buffer(client))).toMatch(/done$/);
  });

  it('ends the connection once it has more than 101 lines', async () => {
    const { client } = await open(() => {});
    client.write(`GET / HTTP/1.1\r\n${'a:\r\n'.repeat(300)}`);
    expect(String(await buffer(client))).toContain('HPE_HEADER_OVERFLOW');
  });

  it('may be incomplete on 1,024 connections; the one that began first goes', async () => {
    const { port, server, close } = await listen((_request, response) => void response.end());
    onTestFinished(close);
    const openHead = async (n: number) => {
      const accepted = once(server, 'connection');
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.write('GET / HTTP/1.1\r\nHost: a\r\n');
      const [socket] = (await accepted) as [Socket];
      return { n, client, socket };
    };
    const opened: Awaited<ReturnType<typeof openHead>>[] = [];
    for (let n = 0; n < 1_024; n++) opened.push(await openHead(n));
    // A head that has become a request counts no more, nor does an empty line.
    opened[7]?.client.resume().write('\r\n');
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .write('\r\n\r\n');
    opened.push(await openHead(1_024));
    await iterations(50);
    const gone = () => opened.filter(({ socket }) => socket.destroyed).map(({ n }) => n);
    expect(gone()).toEqual([]);
    opened.push(await openHead(1_025));
    await expect.poll(gone).toEqual([0]);
    for (const { client } of opened) client.destroy();
  });
});

it.each([
  ['nothing', ''],
  ['empty lines', '\r\n'],
])(
  'ends a connection at the keep-alive time when %s comes after an answer',
  async (_what, bytes) => {
    const { server, port, close } = await listen((_request, response) => void response.end());
    onTestFinished(close);
    Object.assign(server, { keepAliveTimeout: 300, keepAliveTimeoutBuffer: 100 });
    const ended = closed(server);
    const client = connect(port, '127.0.0.1').on('error', () => {});
    client.resume().write(GET);
    const trickle = setInterval(() => client.write(bytes), 50);
    onTestFinished(() => clearInterval(trickle));
    const kept = await ended;
    expect(kept).toBeGreaterThan(300);
    expect(kept).toBeLessThan(2_000);
  },
);

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

it('passes bodies on byte for byte, wherever the stream is split', async () => {
  const { port, close } = await listen(async (request, response) => {
    response.end(`${request.url} ${digest(await buffer(request))}\n`);
  });
  const body = fc
    .tuple(fc.nat(16 * 1024), fc.uint8Array({ minLength: 1, maxLength: 64 }))
    .map(([length, bytes]) => Buffer.alloc(length, bytes));
  const split = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 });
  const requests = fc.array(fc.record({ body, chunked: fc.boolean(), split }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
      for (const [n, one] of sent.entries()) {
        const stream = encode(one, n);
        const points = one.split.map((point) => Math.floor(point * stream.length));
        const cuts = [0, ...points.sort((a, b) => a - b), stream.length];
        for (const [at, cut] of cuts.slice(1).entries()) {
          await new Promise((written) => socket.write(stream.subarray(cuts[at], cut), written));
        }
        let line = '';
        while (!/^\/\d/.test(line)) line = (await lines.next()).value ?? '/0 the end';
        expect(line).toBe(`/${n} ${digest(one.body)}`);
      }
      socket.destroy();
    }),
    { numRuns: 100 },
  );
  close();
});

/** The bytes of a request whose body is of one piece, or in chunks of up to 5,000 bytes. */
function encode({ body, chunked }: { body: Buffer; chunked: boolean }, n: number) {
  const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  const head = `POST /${n} HTTP/1.1\r\nHost: test\r\n${length}\r\n\r\n`;
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
