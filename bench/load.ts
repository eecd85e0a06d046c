import { connect, type Socket } from 'node:net';

/** One measurement: so many requests over so many connections. */
export type LoadOptions = {
  port: number;
  connections: number;
  requests: number;
  /** The bytes of the request with this number. */
  request(index: number): Buffer;
};

/** What was seen. Latencies in milliseconds, without the first of each connection: it waits to be accepted. */
export type LoadResult = {
  perSecond: number;
  p50: number;
  p99: number;
  p999: number;
  /** Answers that were not 200. */
  failed: number;
};

const OK = Buffer.from('HTTP/1.1 200');

/** Sends requests over keep-alive connections, one at a time on each, and waits for every answer. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { connections, requests } = options;
  const state: State = { next: 0, failed: 0, latencies: [] };
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, () => client(options, state)));
  const seconds = (performance.now() - started) / 1000;
  const sorted = Float64Array.from(state.latencies).sort();
  const at = (q: number) => sorted[Math.floor(sorted.length * q)] ?? 0;
  const { failed } = state;
  return { perSecond: requests / seconds, p50: at(0.5), p99: at(0.99), p999: at(0.999), failed };
}

type State = { next: number; failed: number; latencies: number[] };

function client({ port, requests, request }: LoadOptions, state: State) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket: Socket = connect(port, '127.0.0.1').setNoDelay(true);
  let received = Buffer.alloc(0);
  let isFirst = true;
  let sentAt = 0;
  const send = () => {
    if (state.next >= requests) {
      socket.end();
      resolve();
      return;
    }
    sentAt = performance.now();
    socket.write(request(state.next++));
  };
  socket.on('connect', send).on('error', reject);
  socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (!isComplete(received)) return;
    if (!isFirst) state.latencies.push(performance.now() - sentAt);
    isFirst = false;
    if (!received.subarray(0, OK.length).equals(OK)) state.failed++;
    received = Buffer.alloc(0);
    send();
  });
  return promise;
}

function isComplete(answer: Buffer): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(answer.toString('latin1', 0, end));
  return answer.length >= end + 4 + Number(length?.[1]);
}
