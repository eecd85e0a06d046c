import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMemoryCounter } from '../../src/http/rate-limit.ts';
import { openApp, type TestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

const PROXY = { trustProxy: ['127.0.0.1'] };

/** Asks for an address without a route, as a client that the proxy says is at `address`. */
async function knock({ origin }: TestApp, address = '203.0.113.7', path = '/nope') {
  const response = await fetch(origin + path, { headers: { 'x-forwarded-for': address } });
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.json() };
}

/** The statuses of `count` knocks, one after another. */
async function knocks(app: TestApp, count: number, address?: string, path?: string) {
  const statuses: number[] = [];
  for (let n = 0; n < count; n++) statuses.push((await knock(app, address, path)).status);
  return statuses;
}

describe('an address', () => {
  it('may ask as often as the bound says, then is 429 with Retry-After', async () => {
    const app = await openApp({ perIp: 3 });
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await ask(app)).status);
    expect(statuses).toEqual([200, 200, 200]);
    const limited = await ask(app);
    expectProblem(limited, 429, 'rate_limited', 'retry');
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(55);
    expect(Number(limited.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(app.limited).toEqual(['ip']);
    expect(app.decisions.at(-1)).toMatchObject({ outcome: 'denied', code: 'rate_limited' });
  });

  it('is limited before anybody looks at its credential', async () => {
    const app = await openApp({ perIp: 1 });
    expect((await ask(app, { credential: null })).status).toBe(401);
    expectProblem(await ask(app, { credential: null }), 429, 'rate_limited', 'retry');
  });

  it.each(['/nope', '/%zz', '/%2f', '//'])('is limited at %s too', async (path) => {
    const app = await openApp({ perIp: 2 });
    const statuses = await knocks(app, 3, undefined, path);
    expect(statuses.slice(0, 2)).not.toContain(429);
    expectProblem(await knock(app, undefined, path), 429, 'rate_limited', 'retry');
  });

  it('is limited for wrong methods too', async () => {
    const app = await openApp({ perIp: 1 });
    expect(await knocks(app, 2, undefined, '/video-token')).toEqual([405, 429]);
  });

  it('is never limited at the probes, and probes count for nothing', async () => {
    const app = await openApp({ perIp: 1 });
    expect(await knocks(app, 5, undefined, '/healthz')).toEqual(Array(5).fill(200));
    expect(await knocks(app, 5, undefined, '/readyz')).toEqual(Array(5).fill(200));
    expect((await ask(app)).status).toBe(200);
    expect((await ask(app)).status).toBe(429);
    const { status, headers } = await knock(app, undefined, '/healthz');
    expect([status, Object.keys(headers).filter((name) => name.includes('limit'))]).toEqual([
      200,
      [],
    ]);
  });

  it('of IPv6 is counted with its /64, as a client has all of it', async () => {
    const app = await openApp({ ...PROXY, perIp: 2 });
    const rotated = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:0db8:0001:0002::3'];
    const statuses = [];
    for (const address of rotated) statuses.push(...(await knocks(app, 1, address)));
    expect(statuses).toEqual([404, 404, 429]);
    expect(await knocks(app, 1, '2001:db8:1:3::1')).toEqual([404]);
  });

  it('of IPv4 is the same when it is written in IPv6', async () => {
    const app = await openApp({ ...PROXY, perIp: 1 });
    expect(await knocks(app, 1, '203.0.113.7')).toEqual([404]);
    expect(await knocks(app, 1, '::ffff:203.0.113.7')).toEqual([429]);
    expect(await knocks(app, 1, '::ffff:203.0.113.8')).toEqual([404]);
  });

  it('that is limited stays so while 6,000 others come', async () => {
    const counter = createMemoryCounter();
    const app = await openApp({ ...PROXY, perIp: 1, counter });
    expect(await knocks(app, 2)).toEqual([404, 429]);
    for (let n = 0; n < 6_000; n++) await counter.increment(`ip:10.1.${n >> 8}.${n & 255}`, 60_000);
    expect(await knocks(app, 1)).toEqual([429]);
  });

  it('cannot escape by X-Forwarded-For or Forwarded when it is no proxy of ours', async () => {
    const app = await openApp({ perIp: 2 });
    expect(await knocks(app, 1, '198.51.100.1')).toEqual([404]);
    expect(await knocks(app, 2, '198.51.100.2')).toEqual([404, 429]);
    const headers = { forwarded: 'for=198.51.100.3', 'x-real-ip': '198.51.100.3' };
    expect((await fetch(`${app.origin}/nope`, { headers })).status).toBe(429);
  });

  it('cannot escape by putting addresses before the one that our proxy adds', async () => {
    const app = await openApp({ ...PROXY, perIp: 1 });
    expect(await knocks(app, 1, '198.51.100.1, 203.0.113.7')).toEqual([404]);
    expect(await knocks(app, 1, '198.51.100.2, 203.0.113.7')).toEqual([429]);
  });

  it.each(['unknown', '203.0.113.7:5678', '[2001:db8::1]:80', ':::', ',', 'a'.repeat(2_000)])(
    'that our proxy writes as "%s" is limited like any other',
    async (address) => {
      const app = await openApp({ ...PROXY, perIp: 1 });
      expect(await knocks(app, 2, address)).toEqual([404, 429]);
    },
  );

  it('gets no answer but a failure of ours when it cannot be counted', async () => {
    const increment = () => Promise.reject(new Error('on purpose'));
    const app = await openApp({ counter: { increment } });
    expectProblem(await ask(app), 500, 'internal_error', 'retry');
    expect(app.limited).toEqual([]);
  });

  it('whose window ends within this second may ask again in one', async () => {
    const increment = () => ({ count: 2, ttlMs: 0 });
    const app = await openApp({ perIp: 1, counter: { increment } });
    expect((await ask(app)).headers['retry-after']).toBe('1');
  });

  it('may ask again when the window is over', async () => {
    let milliseconds = 0;
    const app = await openApp({ perIp: 1, counter: createMemoryCounter(() => milliseconds) });
    expect(await knocks(app, 2)).toEqual([404, 429]);
    milliseconds += 59_999;
    expect(await knocks(app, 1)).toEqual([429]);
    milliseconds += 1;
    expect(await knocks(app, 2)).toEqual([404, 429]);
  });
});

describe('a wall clock', () => {
  afterEach(() => void vi.useRealTimers());

  it.each([-3_600_000, 3_600_000])('that jumps by %d ms changes nothing', async (jumpMs) => {
    const app = await openApp({ perIp: 1 });
    expect(await knocks(app, 2)).toEqual([404, 429]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jumpMs });
    const limited = await knock(app);
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(50);
    expect(Number(limited.headers['retry-after'])).toBeLessThanOrEqual(60);
  });
});

describe('a user', () => {
  it('may ask as often as the bound says, then is 429 whatever the address', async () => {
    const app = await openApp({ ...PROXY, perUser: 2 });
    const from = (n: number) => ask(app, { headers: { 'x-forwarded-for': `203.0.113.${n}` } });
    expect([(await from(1)).status, (await from(2)).status]).toEqual([200, 200]);
    const limited = await from(3);
    expectProblem(limited, 429, 'rate_limited', 'retry');
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(55);
    expect(app.limited).toEqual(['user']);
    expect(app.decisions.at(-1)).toMatchObject({ code: 'rate_limited', userId: 'alice' });
  });

  it('is no other user', async () => {
    const app = await openApp({ perUser: 1 });
    const credential = await signJwt({ sub: 'sam' });
    expect((await ask(app)).status).toBe(200);
    expect((await ask(app, { credential })).status).toBe(403);
    expect((await ask(app)).status).toBe(429);
  });

  it('cannot be limited by those who cannot sign in as that user', async () => {
    const app = await openApp({ perUser: 1 });
    const forged = await signJwt({}, 'another secret of more than 32 bytes');
    for (let n = 0; n < 3; n++) await ask(app, { credential: forged });
    expect((await ask(app)).status).toBe(200);
  });

  it('is counted under another key than an address of the same name', async () => {
    const app = await openApp({ perIp: 2, perUser: 1 });
    const credential = await signJwt({ sub: '127.0.0.1' });
    expect((await ask(app, { credential })).status).toBe(403);
    expect(await knocks(app, 2)).toEqual([404, 429]);
  });

  it('is limited before the body is read', async () => {
    const app = await openApp({ perUser: 1 });
    await ask(app);
    const headers = { 'content-type': 'application/json' };
    expectProblem(await ask(app, { body: '{', headers }), 429, 'rate_limited', 'retry');
  });
});
