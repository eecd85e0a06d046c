import { describe, expect, it } from 'vitest';
import { openApp } from '../support/app.ts';
import { BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

const ALLOWED = 'https://app.example';
const OTHER = 'https://evil.example';
const CORS = { corsOrigins: [ALLOWED, 'https://second.example', 'capacitor://localhost'] };

async function send(origin: string, method: string, headers: Record<string, string>) {
  const body = method === 'POST' ? { body: JSON.stringify(BODY) } : {};
  const response = await fetch(`${origin}/video-token`, { method, headers, ...body });
  const text = await response.text();
  const cors = [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: text === '' ? {} : JSON.parse(text),
    cors,
  };
}

function preflight(origin: string, from: string) {
  return send(origin, 'OPTIONS', {
    origin: from,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  });
}

async function post(origin: string, from: string, credential?: string) {
  const authorization = `Bearer ${credential ?? (await signJwt())}`;
  return send(origin, 'POST', {
    origin: from,
    authorization,
    'content-type': 'application/json',
  });
}

describe('a page of an origin on the list', () => {
  it.each(CORS.corsOrigins)('%s may ask beforehand', async (from) => {
    const { origin } = await openApp(CORS);
    const { status, headers } = await preflight(origin, from);
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': from,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Request-Id',
      'access-control-max-age': '600',
    });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
    expect(headers.vary).toMatch(/Origin/i);
  });

  it('may read its token, and headers that it needs', async () => {
    const { origin } = await openApp(CORS);
    const { status, headers } = await post(origin, ALLOWED);
    expect(status).toBe(200);
    expect(headers['access-control-allow-origin']).toBe(ALLOWED);
    expect(headers['access-control-expose-headers']).toBe('Date, Retry-After, X-Request-Id');
  });

  it('may read why it gets none, even when it is limited or there is nothing', async () => {
    const { origin } = await openApp({ ...CORS, perIp: 1 });
    const invalid = await post(origin, ALLOWED, 'a.b.c');
    expectProblem(invalid, 401, 'credential_invalid', 'sign_in');
    expect(invalid.headers['access-control-allow-origin']).toBe(ALLOWED);
    const limited = await post(origin, ALLOWED);
    expectProblem(limited, 429, 'rate_limited', 'retry');
    expect(limited.headers['access-control-allow-origin']).toBe(ALLOWED);
  });
});

it('a page that asks beforehand is limited by its address', async () => {
  const { origin, limited } = await openApp({ ...CORS, perIp: 2 });
  const statuses = [];
  for (let n = 0; n < 3; n++) statuses.push((await preflight(origin, ALLOWED)).status);
  expect(statuses).toEqual([204, 204, 429]);
  expect(limited).toEqual(['ip']);
});

it('a request is counted once, with CORS or without', async () => {
  const { origin } = await openApp({ ...CORS, perIp: 2 });
  const statuses = [];
  for (let n = 0; n < 3; n++) statuses.push((await post(origin, ALLOWED)).status);
  expect(statuses).toEqual([200, 200, 429]);
});

it('a page whose origin is not on the list is reported', async () => {
  const seen: string[] = [];
  const origins = { onRefused() {}, onNewOrigin: (name: string) => void seen.push(name) };
  const { origin } = await openApp({ ...CORS, origins });
  for (const from of [ALLOWED, OTHER]) await post(origin, from);
  expect(seen).toEqual([OTHER]);
});

describe('a page of another origin', () => {
  it.each([OTHER, 'null', 'http://app.example', 'https://app.example.evil.example'])(
    '%s gets no CORS header',
    async (from) => {
      const { origin } = await openApp(CORS);
      const before = await preflight(origin, from);
      expectProblem(before, 405, 'method_not_allowed', 'fix_request');
      expect(before.cors).toEqual([]);
      expect((await post(origin, from)).cors).toEqual([]);
    },
  );
});

it('OPTIONS that is no preflight is 405, with CORS or without', async () => {
  for (const options of [CORS, {}]) {
    const { origin } = await openApp(options);
    const answer = await send(origin, 'OPTIONS', {});
    expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
    expect(answer.headers.allow).toBe('POST');
    expect(answer.cors).toEqual([]);
  }
});

it('OPTIONS of an origin on the list that names no method is taken for a preflight', async () => {
  const { origin } = await openApp(CORS);
  const { status, headers } = await send(origin, 'OPTIONS', { origin: ALLOWED });
  expect(status).toBe(204);
  expect(headers['access-control-allow-methods']).toBe('POST');
});

it('without a list no page of any origin gets a CORS header', async () => {
  const { origin } = await openApp();
  const answer = await preflight(origin, ALLOWED);
  expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
  expect(answer.headers).not.toHaveProperty('vary');
  expect([...answer.cors, ...(await post(origin, ALLOWED)).cors]).toEqual([]);
});
