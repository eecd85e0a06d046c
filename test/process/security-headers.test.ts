import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDemoPage } from '../../tools/demo/page.ts';
import { BODY } from '../support/ask.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

const KEY = 'internal-admin-key-0123456789-012345';
const POST = 'POST /video-token HTTP/1.1';

let service: Service;

beforeAll(async () => {
  service = await startService({ ADMIN_API_KEY: KEY });
});
afterAll(() => service.stop());

describe('every answer of the public listener says nosniff', () => {
  it.each([
    [200, rawRequest('GET /healthz HTTP/1.1')],
    [200, rawRequest('GET /readyz HTTP/1.1')],
    [401, rawRequest(POST)],
    [404, rawRequest('GET /nowhere HTTP/1.1')],
    [405, rawRequest('GET /video-token HTTP/1.1')],
    [400, rawRequest('GET /%zz HTTP/1.1')],
    [400, 'no HTTP\r\n\r\n'],
    [400, rawRequest('GET /healthz HTTP/1.1', ['Host: other'])],
    [417, rawRequest(POST, ['Expect: foo'])],
    [431, rawRequest('GET /healthz HTTP/1.1', [`X-A: ${'a'.repeat(20_000)}`])],
    [405, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    [408, 'GET /healthz HTTP/1.1\r\n'],
  ])('%d to %j', { concurrent: true }, async (status, bytes) => {
    await expectNosniff(status, bytes);
  });

  it('when it issues a token', async () => {
    const text = JSON.stringify(BODY);
    const headers = [
      `Authorization: Bearer ${await signFreshJwt()}`,
      'Content-Type: application/json',
      `Content-Length: ${text.length}`,
    ];
    await expectNosniff(200, rawRequest(POST, headers, text));
  });
});

describe('every answer of the internal listener says nosniff', () => {
  it.each([
    [200, '/metrics'],
    [200, '/directory/users/alice'],
    [404, '/directory/users/nobody'],
    [200, '/directory/export'],
    [200, '/docs/'],
    [400, '/%zz'],
    [404, '/nowhere'],
  ])('%d to GET %s', async (status, path) => {
    const headers = { authorization: `Bearer ${KEY}` };
    const answer = await fetch(`${service.internal}${path}`, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

async function expectNosniff(status: number, bytes: string): Promise<void> {
  const answers = await converse(service.port, bytes);
  expect(answers.map((answer) => answer.status)).toEqual([status]);
  expect(answers[0]?.headers['x-content-type-options']).toBe('nosniff');
}

it.each(['/docs', '/docs/', '/docs/directory/'])(
  'the page %s may be framed by nobody, loads from itself alone, and leaves HTTPS to the operator',
  async (path) => {
    const { headers } = await fetch(`${service.internal}${path}`);
    const policy = headers.get('content-security-policy');
    expect(policy).toMatch(/default-src 'self'/);
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.has('strict-transport-security')).toBe(false);
  },
);

it.each(['/', '/nowhere'])('the page of the demo has them too: %s', async (path) => {
  const page = await openDemoPage('a secret of at least 32 bytes, yes');
  const { headers } = await fetch(page.origin + path);
  page.close();
  expect(headers.get('content-security-policy')).toMatch(/default-src 'self'/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-frame-options')).toBe('DENY');
});
