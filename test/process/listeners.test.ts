import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { listenHost } from '../../src/service.ts';
import { BODY } from '../support/ask.ts';
import { freePort } from '../support/free-port.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { startService, type Variables } from '../support/service.ts';

const HEALTHCHECK = fileURLToPath(new URL('../../src/healthcheck.ts', import.meta.url));
const HAS_IPV6 = listenHost('::') === '::';

async function start(variables: Variables) {
  const service = await startService(variables);
  onTestFinished(service.stop);
  return service;
}

/** The exit code of the image's health check. */
async function healthcheck(variables: Variables) {
  const child = execFile(process.execPath, [HEALTHCHECK], { env: variables });
  const [code] = await once(child, 'exit');
  return code;
}

it.each([
  ['::', { lo: [{ family: 'IPv4' }, { family: 'IPv6' }] }, '::'],
  ['::', { lo: [{ family: 'IPv4' }] }, '0.0.0.0'],
  ['::', {}, '0.0.0.0'],
  ['::1', { lo: [{ family: 'IPv4' }] }, '::1'],
  ['127.0.0.1', { lo: [{ family: 'IPv6' }] }, '127.0.0.1'],
])('HOST=%s on a machine with the addresses %j listens on %s', (host, interfaces, expected) => {
  expect(listenHost(host, interfaces as ReturnType<typeof networkInterfaces>)).toBe(expected);
});

it('HOST=:: serves IPv4 and IPv6, and no address is written as IPv4-mapped', async () => {
  const { port, decisions } = await start({
    HOST: '::',
    INTERNAL_HOST: '::',
    TRUST_PROXY: '127.0.0.1',
  });
  const ask = async (host: string, forwarded?: string) => {
    const { status } = await fetch(`http://${host}:${port}/video-token`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await signFreshJwt()}`,
        'content-type': 'application/json',
        ...(forwarded && { 'x-forwarded-for': forwarded }),
      },
      body: JSON.stringify(BODY),
    });
    return status;
  };
  expect(await ask('127.0.0.1')).toBe(200);
  expect(await ask('127.0.0.1', '203.0.113.9:4711')).toBe(200);
  if (HAS_IPV6) expect(await ask('[::1]')).toBe(200);
  const addresses = HAS_IPV6 ? ['127.0.0.1', '203.0.113.9', '::1'] : ['127.0.0.1', '203.0.113.9'];
  await expect.poll(() => decisions().map(({ ip }) => ip)).toEqual(addresses);
  for (const HOST of ['::', '0.0.0.0', '', '127.0.0.1']) {
    expect(await healthcheck({ HOST, PORT: String(port) }), HOST).toBe(0);
  }
});

it.each(HAS_IPV6 ? ['127.0.0.1', '::1', 'localhost'] : ['127.0.0.1', 'localhost'])(
  'the health check asks the address of HOST: %s',
  async (HOST) => {
    const { port } = await start({ HOST });
    expect(await healthcheck({ HOST, PORT: String(port) })).toBe(0);
    expect(await healthcheck({ HOST: '127.0.0.2', PORT: String(port) })).toBe(1);
    expect(await healthcheck({ HOST, PORT: String(await freePort()) })).toBe(1);
  },
);

it('TLS and the PROXY protocol on the plain port are counted, and named with what to change', async () => {
  const { port, internal, line } = await start({});
  for (const bytes of ['\x16\x03\x01\x02\x00\x01', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n']) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.end(Buffer.from(bytes, 'latin1')).resume();
    await once(socket, 'close');
  }
  expect(await line(({ msg }) => msg === 'TLS on a plain HTTP port')).toMatchObject({
    level: 'warn',
    fix: expect.stringMatching(/http:\/\//),
  });
  expect(await line(({ msg }) => msg === 'PROXY protocol on a plain HTTP port')).toMatchObject({
    fix: expect.stringMatching(/X-Forwarded-For/),
  });
  const metrics = await (await fetch(`${internal}/metrics`)).text();
  expect(metrics).toContain('client_errors_total{kind="tls"} 1');
  expect(metrics).toContain('client_errors_total{kind="proxy_protocol"} 1');
});
