import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createVideoTokenClient, VideoTokenError } from '../../client/src/index.ts';
import {
  type Answer,
  answering,
  clientOf,
  issued,
  refused,
  scripted,
  useFakeTime,
  WANTED,
} from './support.ts';

function errorOf(work: Promise<unknown>): Promise<VideoTokenError> {
  return work.then(
    () => expect.unreachable(),
    (error) => error,
  );
}

const SERVICE = 'http://service.test';

/** What becomes of one call, in a time that runs as fast as it can. */
async function ask(...answers: Answer[]) {
  useFakeTime();
  const { fetch, seen } = scripted(...answers);
  const retries: string[] = [];
  const onRetry = ({ code }: VideoTokenError) => void retries.push(code);
  const result = clientOf(SERVICE, { fetch })
    .get({ ...WANTED, onRetry })
    .catch((error: VideoTokenError) => error);
  await vi.advanceTimersByTimeAsync(120_000);
  const pauses = seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
  return { result: await result, pauses, retries };
}

describe('get after a failure that may pass by itself', () => {
  it.each([
    [429, 'rate_limited'],
    [503, 'overloaded'],
  ])('tries again after %i, not before Retry-After', async (status, code) => {
    const { result, pauses, retries } = await ask(
      refused(status, code, 'retry', { headers: { 'retry-after': '30' } }),
      issued(3600),
    );
    expect(result).toMatchObject({ token: '04AAAA' });
    expect(pauses).toEqual([30_250]);
    expect(retries).toEqual([code]);
  });

  it('tries again when Retry-After is a date, as proxies write it', async () => {
    const headers = { 'retry-after': new Date(Date.now() + 20_000).toUTCString() };
    const { pauses } = await ask({ status: 503, headers }, issued(3600));
    expect(pauses[0]).toBeGreaterThan(18_500);
  });

  it('tries four times, with growing pauses, and then throws', async () => {
    const { result, pauses } = await ask(refused(500, 'internal_error', 'retry'));
    expect(result).toBeInstanceOf(VideoTokenError);
    expect(result).toMatchObject({
      code: 'internal_error',
      action: 'retry',
      status: 500,
      requestId: 'r-1',
      message: 'because of internal_error',
    });
    expect(pauses).toEqual([250, 500, 1_000]);
  });

  it('throws at once when the service asks for more than a minute', async () => {
    const headers = { 'retry-after': '61' };
    const { result, pauses } = await ask(refused(503, 'overloaded', 'retry', { headers }));
    expect(result).toMatchObject({ code: 'overloaded', retryAfter: 61 });
    expect(pauses).toEqual([]);
  });

  it('tries again after a connection that broke', async () => {
    const { url } = await answering(
      { handle: (request) => request.socket.destroy() },
      issued(3600),
    );
    expect((await clientOf(url).get(WANTED)).token).toBe('04AAAA');
  });

  it('tries again after a reply that does not come in time', async () => {
    const { url, seen } = await answering('silence', issued(3600));
    await clientOf(url, { timeoutMs: 100 }).get(WANTED);
    expect(seen).toHaveLength(2);
  });

  it('tries again after the page of a proxy in place of the reply', async () => {
    const { url } = await answering({ status: 200, body: '<h1>Hotel</h1>' }, issued(3600));
    expect((await clientOf(url).get(WANTED)).token).toBe('04AAAA');
  });
});

describe('get after a failure that lasts', () => {
  it('throws a refusal with all that the service said, and does not try again', async () => {
    const more = { availableFrom: 4_102_444_800 };
    const { result, pauses } = await ask(refused(403, 'video_not_started', 'wait', more));
    expect(result).toMatchObject({ code: 'video_not_started', action: 'wait', ...more });
    expect(pauses).toEqual([]);
  });

  it("does not try again at an address that is not the service's", async () => {
    const { result, pauses } = await ask({ status: 404, body: 'nothing here' });
    expect(result).toMatchObject({ code: 'unexpected_reply', action: 'fix_request', status: 404 });
    expect(pauses).toEqual([]);
  });

  it('throws credential_unavailable when the backend of the app fails', async () => {
    const credential = async () => {
      throw new Error('no JWT: 500');
    };
    await expect(clientOf(SERVICE, { credential }).get(WANTED)).rejects.toMatchObject({
      code: 'credential_unavailable',
      action: 'retry',
      message: expect.stringContaining('no JWT: 500'),
    });
  });

  it('throws network_error when nothing listens at the address', async () => {
    const error = await errorOf(clientOf('http://127.0.0.1:9').get(WANTED));
    expect(error).toMatchObject({ code: 'network_error', action: 'retry', status: undefined });
  });
});

describe('get in a page, without an answer that the page may read', () => {
  /** The browser shows no answer to the page but those of `shown`. */
  async function codesOf(origin: string, url: string, isUp: boolean, ...shown: Response[]) {
    useFakeTime();
    vi.stubGlobal('location', { origin });
    onTestFinished(() => void vi.unstubAllGlobals());
    const probes: string[] = [];
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = init?.mode === 'no-cors' ? undefined : shown.shift();
      if (answer) return answer;
      if (init?.mode === 'no-cors') probes.push(String(input));
      if (init?.mode !== 'no-cors' || !isUp) throw new TypeError('Failed to fetch');
      return Response.error();
    };
    const client = createVideoTokenClient({ url, credential: 'jwt', fetch });
    const codes: string[] = [];
    const ask = client.get({ ...WANTED, onRetry: ({ code }) => void codes.push(code) });
    const last = ask.catch(({ code }: VideoTokenError) => code);
    await vi.advanceTimersByTimeAsync(120_000);
    return { codes: [...codes, await last], probes };
  }

  const URL = `${SERVICE}/video-token`;

  it.each<[string, string, string, boolean, string]>([
    ['something answers', 'https://app.example', URL, true, 'origin_not_allowed'],
    ['nothing answers', 'https://app.example', URL, false, 'network_error'],
    ['the page is in a sandbox', 'null', URL, true, 'network_error'],
    ['the page is in a sandbox, and the address relative', 'null', '/x', true, 'network_error'],
    ['the page is of the service', SERVICE, URL, true, 'network_error'],
  ])('where %s', async (_what, origin, url, isUp, code) => {
    const { codes } = await codesOf(origin, url, isUp);
    expect(codes).toEqual(codes.map(() => code));
  });

  it('does not take a proxy for the service once it has read an answer', async () => {
    const busy = Response.json({ code: 'overloaded', action: 'retry' }, { status: 503 });
    const { codes, probes } = await codesOf('https://app.example', URL, true, busy);
    expect(codes.slice(0, 2)).toEqual(['overloaded', 'network_error']);
    expect(probes).toEqual([]);
  });
});

describe('get with a signal', () => {
  it('ends a request without a reply by a signal, with its reason', async () => {
    const { url } = await answering('silence');
    const signal = AbortSignal.timeout(100);
    const error = await errorOf(clientOf(url).get({ ...WANTED, signal }));
    expect(error.name).toBe('TimeoutError');
  });

  it('ends the pause between two attempts by a signal', async () => {
    useFakeTime();
    const { fetch, seen } = scripted(refused(503, 'overloaded', 'retry'));
    const controller = new AbortController();
    const { signal } = controller;
    const error = errorOf(clientOf(SERVICE, { fetch }).get({ ...WANTED, signal }));
    await vi.advanceTimersByTimeAsync(100);
    controller.abort();
    expect((await error).name).toBe('AbortError');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toHaveLength(1);
  });

  it('sends no request for a signal that is aborted already', async () => {
    const { url, seen } = await answering(issued(3600));
    const error = await errorOf(clientOf(url).get({ ...WANTED, signal: AbortSignal.abort() }));
    expect(error.name).toBe('AbortError');
    expect(seen).toEqual([]);
  });

  it('gives the other caller the reply when one caller aborts', async () => {
    const { url, seen } = await answering({
      handle(_request, response) {
        setTimeout(() => response.end('{"token":"04BBBB","expireAt":4102444800}'), 300);
      },
    });
    const client = clientOf(url);
    const other = client.get(WANTED);
    const error = await errorOf(client.get({ ...WANTED, signal: AbortSignal.timeout(50) }));
    expect(error.name).toBe('TimeoutError');
    expect((await other).token).toBe('04BBBB');
    expect(seen).toHaveLength(1);
  });

  it('closes the connection when the last caller aborts, and asks again for the next one', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await answering(
      { handle: (_request, response) => response.on('close', closed.resolve) },
      issued(3600),
    );
    const client = clientOf(url);
    await errorOf(client.get({ ...WANTED, signal: AbortSignal.timeout(50) }));
    await closed.promise;
    expect((await client.get(WANTED)).token).toBe('04AAAA');
  });
});
