import { connect, type Socket } from 'node:net';

/** One measurement: so many requests over so many connections. */
export type LoadOptions = {
  port: number;
  connections: number;
  requests: number;
  /** The bytes of the request with this number. */
  request(index: number): Buffer;
};

/** What was seen. Latencies in milliseconds. */
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
  const latencies = new Float64Array(requests);
  const state = { next: 0, failed: 0 };
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, () => client(options, state, latencies)));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort();
  const at = (q: number) => latencies[Math.min(requests - 1, Math.floor(requests * q))] ?? 0;
  const { failed } = state;
  return { perSecond: requests / seconds, p50: at(0.5), p99: at(0.99), p999: at(0.999), failed };
}

type State = { next: number; failed: number };

function client({ port, requests, request }: LoadOptions, state: State, latencies: Float64Array) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket: Socket = connect(port, '127.0.0.1').setNoDelay(true);
  let received = Buffer.alloc(0);
  let index = 0;
  let sentAt = 0;
  const send = () => {
    if (state.next >= requests) {
      socket.end();
      resolve();
      return;
    }
    index = state.next++;
    sentAt = performance.now();
    socket.write(request(index));
  };
  socket.on('connect', send).on('error', reject);
  socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (!isComplete(received)) return;
    latencies[index] = performance.now() - sentAt;
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
