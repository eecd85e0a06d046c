import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { VideoTokenError } from '../../client/src/index.ts';
import { answering, clientOf, issued, refused, WANTED } from './support.ts';

const BUSY = { headers: { 'retry-after': '1' } };

function errorOf(work: Promise<unknown>): Promise<VideoTokenError> {
  return work.then(
    () => expect.unreachable(),
    (error) => error,
  );
}

describe('what may pass by itself', () => {
  it.each([
    [429, 'rate_limited'],
    [503, 'overloaded'],
  ])('%i is tried again, not before Retry-After', async (status, code) => {
    const { url, seen } = await answering(refused(status, code, 'retry', BUSY), issued(3600));
    const { token } = await clientOf(url).get(WANTED);
    expect(token).toBe('04AAAA');
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThan(1_000);
  });

  it('is tried again when Retry-After is a date, as proxies write it', async () => {
    const headers = { 'retry-after': new Date(Date.now() + 3_000).toUTCString() };
    const { url, seen } = await answering({ status: 503, headers }, issued(3600));
    await clientOf(url).get(WANTED);
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThan(1_500);
  });

  it('is tried four times, with growing pauses, and then told', async () => {
    const { url, seen } = await answering(refused(500, 'internal_error', 'retry'));
    const error = await errorOf(clientOf(url).get(WANTED));
    expect(error).toBeInstanceOf(VideoTokenError);
    expect(error).toMatchObject({
      code: 'internal_error',
      action: 'retry',
      status: 500,
      requestId: 'r-1',
      message: 'because of internal_error',
    });
    const pauses = seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
    expect(pauses).toHaveLength(3);
    expect(pauses.toSorted((one, other) => one - other)).toEqual(pauses);
  });

  it('is told at once when the service wants more than a minute', async () => {
    const headers = { 'retry-after': '61' };
    const { url, seen } = await answering(refused(503, 'overloaded', 'retry', { headers }));
    const error = await errorOf(clientOf(url).get(WANTED));
    expect(error).toMatchObject({ code: 'overloaded', retryAfter: 61 });
    expect(seen).toHaveLength(1);
  });

  it('is a connection that breaks', async () => {
    const { url } = await answering((request) => request.socket.destroy(), issued(3600));
    expect((await clientOf(url).get(WANTED)).token).toBe('04AAAA');
  });

  it('is a reply that does not come', async () => {
    const { url, seen } = await answering(() => {}, issued(3600));
    await clientOf(url, { timeoutMs: 100 }).get(WANTED);
    expect(seen).toHaveLength(2);
  });

  it('is a page of somebody else in place of the reply', async () => {
    const { url } = await answering({ status: 200, body: '<h1>Hotel</h1>' }, issued(3600));
    expect((await clientOf(url).get(WANTED)).token).toBe('04AAAA');
  });
});

describe('what does not pass', () => {
  it('is told with all that the service said, and not tried again', async () => {
    const more = { availableFrom: 4_102_444_800 };
    const { url, seen } = await answering(refused(403, 'video_not_started', 'wait', more));
    const error = await errorOf(clientOf(url).get(WANTED));
    expect(error).toMatchObject({ code: 'video_not_started', action: 'wait', ...more });
    expect(seen).toHaveLength(1);
  });

  it('is an address where nobody knows of tokens', async () => {
    const { url, seen } = await answering({ status: 404, body: 'nothing here' });
    const error = await errorOf(clientOf(url).get(WANTED));
    expect(error).toMatchObject({ code: 'unexpected_reply', action: 'fix_request', status: 404 });
    expect(seen).toHaveLength(1);
  });

  it('is a service that is not there, after the attempts', async () => {
    const error = await errorOf(clientOf('http://127.0.0.1:9').get(WANTED));
    expect(error).toMatchObject({ code: 'network_error', action: 'retry', status: undefined });
  });
});

describe('a signal', () => {
  it('ends a request that hangs, with its own reason', async () => {
    const { url } = await answering(() => {});
    const signal = AbortSignal.timeout(100);
    const error = await errorOf(clientOf(url).get({ ...WANTED, signal }));
    expect(error.name).toBe('TimeoutError');
  });

  it('ends the pause between two attempts', async () => {
    const { url, seen } = await answering(refused(503, 'overloaded', 'retry', BUSY));
    const error = await errorOf(clientOf(url).get({ ...WANTED, signal: AbortSignal.timeout(100) }));
    expect(error.name).toBe('TimeoutError');
    await delay(1_500);
    expect(seen).toHaveLength(1);
  });

  it('that is over asks nothing', async () => {
    const { url, seen } = await answering(issued(3600));
    const error = await errorOf(clientOf(url).get({ ...WANTED, signal: AbortSignal.abort() }));
    expect(error.name).toBe('AbortError');
    expect(seen).toEqual([]);
  });

  it('of one caller leaves the other its reply', async () => {
    const { url, seen } = await answering((_request, response) => {
      setTimeout(() => response.end('{"token":"04BBBB","expireAt":4102444800}'), 300);
    });
    const client = clientOf(url);
    const other = client.get(WANTED);
    const error = await errorOf(client.get({ ...WANTED, signal: AbortSignal.timeout(50) }));
    expect(error.name).toBe('TimeoutError');
    expect((await other).token).toBe('04BBBB');
    expect(seen).toHaveLength(1);
  });

  it('of the last caller closes the connection, and the next caller starts anew', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await answering(
      (_request, response) => response.on('close', closed.resolve),
      issued(3600),
    );
    const client = clientOf(url);
    await errorOf(client.get({ ...WANTED, signal: AbortSignal.timeout(50) }));
    await closed.promise;
    expect((await client.get(WANTED)).token).toBe('04AAAA');
  });
});
