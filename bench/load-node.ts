import { connect, type Socket } from 'node:net';
import type { LoadOptions, LoadResult } from './load.ts';

const OK = Buffer.from('HTTP/1.1 200');

type State = { endsAt: number; next: number; sent: number; failed: number; latencies: number[] };

/** A load by this process. The first latency of each connection is left out: it waits to be accepted. */
export async function runNode(options: LoadOptions): Promise<LoadResult> {
  const started = performance.now();
  const endsAt = started + options.seconds * 1000;
  const state: State = { endsAt, next: options.offset, sent: 0, failed: 0, latencies: [] };
  await Promise.all(Array.from({ length: options.connections }, () => client(options, state)));
  const seconds = (performance.now() - started) / 1000;
  const sorted = Float64Array.from(state.latencies).sort();
  const at = (q: number) => sorted[Math.floor(sorted.length * q)] ?? 0;
  const { sent, failed } = state;
  return { sent, failed, perSecond: sent / seconds, p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

function client({ port, requests }: LoadOptions, state: State) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket: Socket = connect(port, '127.0.0.1').setNoDelay(true);
  let received = Buffer.alloc(0);
  let isFirst = true;
  let sentAt = 0;
  const send = () => {
    sentAt = performance.now();
    if (sentAt >= state.endsAt) {
      socket.end();
      resolve();
      return;
    }
    state.sent++;
    socket.write(requests[state.next++ % requests.length] as Buffer);
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
