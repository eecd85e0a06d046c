import { createServer as createHttp, type IncomingMessage } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIntrospectionVerifier } from '../../src/auth/introspection.ts';
import { createDiscovery } from '../../src/auth/keys/discovery.ts';
import { createVerifier } from '../../src/auth/verifier.ts';
import type { Introspection } from '../../src/config/identity/introspection.ts';
import { DIRECT, type OutboundConfig } from '../../src/config/outbound.ts';
import { causeOf, describeCause } from '../../src/messages/causes.ts';
import { checkKeys, doctor } from '../../src/operator/doctor.ts';
import { createOutbound, isInternalAddress } from '../../src/outbound.ts';
import { selfSigned } from '../support/certificate.ts';
import { NOW } from '../support/clock.ts';
import { runCommand } from '../support/command.ts';
import { CLAIMS, compact, signer } from '../support/compact.ts';
import { LEAST, load, refusal } from '../support/environment.ts';
import { rejectionOf } from '../support/errors.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';

const keys = newKeys('RS256', 'kid-1');
const HOST = 'login.example';
const READ = { maxBytes: 10_000 };
const EVENTS = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };

type Listening = {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
};

async function portOf(server: Listening & { close(): unknown }): Promise<number> {
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server with TLS for HOST, whose certificate this process trusts until the test ends. */
async function openTlsServer() {
  const { cert, key } = selfSigned(HOST);
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, cert]);
  onTestFinished(() => setDefaultCACertificates(before));
  const server = createHttps({ cert, key }, (_request, response) => response.end('answer'));
  return portOf(server);
}

/** A forward proxy that connects to one port, whatever it is asked for. */
async function openProxy(port: number, credentials?: string) {
  const seen: string[] = [];
  const isAllowed = ({ headers }: IncomingMessage) =>
    credentials === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(credentials).toString('base64')}`;
  const server = createHttp((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(isAllowed(request) ? 200 : 407).end('by the proxy');
  });
  const sockets: Socket[] = [];
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    if (!isAllowed(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    sockets.push(target, socket);
    for (const one of [target, socket]) one.on('error', () => {});
  });
  onTestFinished(() => {
    for (const one of sockets) one.destroy();
  });
  return { address: `127.0.0.1:${await portOf(server)}`, seen };
}

const byProxy = (proxy: OutboundConfig['proxy']) => createOutbound({ ...DIRECT, proxy });

describe('a forward proxy', () => {
  it.each([
    ['without a password', undefined, ''],
    ['with a password', 'user:p@ss', 'user:p%40ss@'],
  ])('carries requests by CONNECT, %s', async (_what, credentials, prefix) => {
    const proxy = await openProxy(await openTlsServer(), credentials);
    const { fetchText } = byProxy({ HTTPS_PROXY: `http://${prefix}${proxy.address}` });
    expect(await fetchText(`https://${HOST}/keys`, READ)).toBe('answer');
    expect(proxy.seen).toEqual([`CONNECT ${HOST}:443`]);
  });

  it('that wants another password is named, without the password', async () => {
    const proxy = await openProxy(1, 'user:other');
    const { fetchText } = byProxy({ HTTPS_PROXY: `http://user:canary@${proxy.address}` });
    const sentence = describeCause(causeOf(await rejectionOf(fetchText(`https://${HOST}/`, READ))));
    expect(sentence).toContain('the proxy does not connect to it');
    expect(sentence).not.toContain('canary');
  });

  it('carries plain http as well', async () => {
    const proxy = await openProxy(1);
    const { fetchText } = byProxy({ HTTP_PROXY: `http://${proxy.address}` });
    expect(await fetchText(`http://${HOST}/keys`, READ)).toBe('by the proxy');
    expect(proxy.seen).toEqual([`GET http://${HOST}/keys`]);
  });

  it('looks names up itself, so that its discovery works where no name can be looked up', async () => {
    const document = { issuer: 'http://idp.invalid', jwks_uri: 'http://keys.invalid/jwks' };
    const server = createHttp((_request, response) => response.end(JSON.stringify(document)));
    const address = `127.0.0.1:${await portOf(server)}`;
    const discovery = createDiscovery({
      issuer: document.issuer,
      allowHttp: true,
      outbound: byProxy({ HTTP_PROXY: `http://${address}`, HTTPS_PROXY: `http://${address}` }),
    });
    expect(await discovery.jwksUrl()).toBe(document.jwks_uri);
  });

  it.each([
    ['https://login.example/', '', true],
    ['http://login.example/', '', false],
    ['https://localhost/', '', false],
    ['https://127.0.0.1/', '', false],
    ['https://127.8.0.1:8443/', '', false],
    ['https://[::1]/', '', false],
    ['https://x.localhost/', '', false],
    ['https://login.example/', '*', false],
    ['https://login.example/', 'login.example', false],
    ['https://LOGIN.example/', 'Login.Example', false],
    ['https://login.example/', 'other.example, .example', false],
    ['https://a.login.example/', 'login.example', false],
    ['https://xlogin.example/', 'login.example', true],
    ['https://login.example/', '*.login.example', false],
    ['https://login.example:8443/', 'login.example:443', true],
    ['https://login.example/', 'login.example:443', false],
    ['https://10.0.0.1/', '10.0.0.1', false],
  ])('of https alone, for %s with NO_PROXY=%s: %s', (url, exceptions, expected) => {
    const proxy = { HTTPS_PROXY: 'http://proxy.example', NO_PROXY: exceptions };
    expect(byProxy(proxy).isProxied(url)).toBe(expected);
  });

  it('is never used without OUTBOUND_PROXY, and named when a fetch fails', async () => {
    const { auth } = load({ HTTPS_PROXY: 'http://user:canary@proxy.example:3128' });
    expect(auth.outbound).toEqual({ ...DIRECT, unusedProxy: ['HTTPS_PROXY'] });
    const { fetchText } = createOutbound(auth.outbound);
    const failure = await rejectionOf(fetchText('https://idp.invalid/', READ));
    const sentence = describeCause(causeOf(failure));
    expect(sentence).toContain('HTTPS_PROXY is set and not used: OUTBOUND_PROXY=environment');
    expect(sentence).not.toContain('canary');
    const near = describeCause(causeOf(await rejectionOf(fetchText('http://127.0.0.1:1/', READ))));
    expect(near).not.toContain('HTTPS_PROXY');
  });

  it('is read in both cases, and shown by the doctor without its password', async () => {
    const variables = {
      OUTBOUND_PROXY: 'environment',
      https_proxy: 'http://user:canary@proxy.example:3128',
      HTTP_PROXY: 'http://other.example',
      no_proxy: '.internal',
    };
    expect(load(variables).auth.outbound.proxy).toEqual({
      HTTPS_PROXY: variables.https_proxy,
      HTTP_PROXY: variables.HTTP_PROXY,
      NO_PROXY: '.internal',
    });
    const environment = { ...LEAST, ...variables, ACCESS_MODE: 'claims' } as Record<string, string>;
    const { stdout } = await runCommand((terminal) =>
      doctor(environment, () => '', '', { json: false, terminal }),
    );
    expect(stdout).toContain(
      'go by HTTPS_PROXY (proxy.example:3128) and HTTP_PROXY (other.example)',
    );
    expect(stdout).not.toContain('canary');
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ OUTBOUND_PROXY: 'environment' }, /^OUTBOUND_PROXY: .*neither HTTPS_PROXY nor HTTP_PROXY/],
    [{ OUTBOUND_PROXY: 'on' }, /^OUTBOUND_PROXY: must be one of off, environment/],
    [{ OUTBOUND_PROXY: 'environment', HTTPS_PROXY: 'socks5://canary:1' }, /^HTTPS_PROXY: must be/],
    [{ OUTBOUND_PROXY: 'environment', http_proxy: 'canary:3128' }, /^http_proxy: must be/],
    [{ OUTBOUND_PROXY: 'environment', HTTPS_PROXY: 'http://canary/x' }, /^HTTPS_PROXY: must be/],
    [{ AUTH_TIMEOUT_MS: '499' }, /^AUTH_TIMEOUT_MS: must be an integer from 500 to 10000/],
    [{ AUTH_TIMEOUT_MS: '10001' }, /^AUTH_TIMEOUT_MS: must be an integer/],
  ])('is refused at the start: %j', (variables, line) => {
    const lines = refusal(variables);
    expect(lines).toEqual([expect.stringMatching(line)]);
    expect(lines.join()).not.toContain('canary');
  });
});

describe('the address of a connection', () => {
  const refuse = (address: string) => {
    if (isInternalAddress(address)) throw new Error(`refused ${address}`);
  };

  it('is the one that was checked, of a resolver that answers twice differently', async () => {
    const canary = await openJwksServer((_request, response) => response.end('inside'));
    const { port } = new URL(canary.url);
    const answers = ['203.0.113.9', '127.0.0.1'];
    let asked = 0;
    const resolve = ((_host: string, _options: unknown, callback: (...args: unknown[]) => void) => {
      callback(null, [{ address: answers[asked++ % 2], family: 4 }]);
    }) as never;
    const outbound = createOutbound({ ...DIRECT, timeoutMs: 500 }, resolve);
    const url = `http://rebinding.example:${port}/jwks`;
    const get = () => outbound.fetchText(url, { ...READ, checkAddress: refuse });
    // The first answer is outside, and nobody answers there; the second is inside.
    await rejectionOf(get());
    expect(String(await rejectionOf(get()))).toContain('refused 127.0.0.1');
    expect([asked, canary.requests()]).toEqual([2, 0]);
    const allowed = outbound.fetchText(url, { ...READ, checkAddress: () => {} });
    await rejectionOf(allowed);
    expect(await outbound.fetchText(url, { ...READ, checkAddress: () => {} })).toBe('inside');
    expect([asked, canary.requests()]).toEqual([4, 1]);
  });

  it('is refused inside, where the document came from outside', async () => {
    const server = await openJwksServer((_request, response) =>
      response.end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/jwks` })),
    );
    const { origin } = new URL(server.url);
    const discovery = createDiscovery({ issuer: origin, allowHttp: true });
    expect(() => discovery.checkAddress('10.0.0.1')).toThrow('internal address');
    await discovery.jwksUrl();
    expect(() => discovery.checkAddress('10.0.0.1')).not.toThrow();
  });

  it.each([
    ['6to4', '2002:a00:1::1'],
    ['Teredo', '2001:0:a00:1::1'],
    ['NAT64', '64:ff9b::a00:1'],
    ['local NAT64', '64:ff9b:1:2::a00:1'],
    ['site-local', 'fec0::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['IPv4-mapped', '::ffff:169.254.169.254'],
    ['IPv4-compatible', '::10.0.0.1'],
    ['the wire server of Azure', '168.63.129.16'],
    ['metadata', '169.254.169.254'],
    ['metadata by IPv6', 'fd00:ec2::254'],
    ['shared address space', '100.100.100.200'],
    ['loopback', '127.9.9.9'],
    ['broadcast', '255.255.255.255'],
  ])('is inside: %s', (_what, address) => {
    expect(isInternalAddress(address)).toBe(true);
  });

  it.each([
    '8.8.8.8',
    '168.63.129.17',
    '2606:4700::1111',
    '2a00:1450::1',
    '64:ff9a::1',
    '172.32.0.1',
  ])('is outside: %s', (address) => {
    expect(isInternalAddress(address)).toBe(false);
  });
});

describe('a provider that takes 2.3 s an answer', () => {
  it('serves its users with AUTH_TIMEOUT_MS=5000', async () => {
    const slow = (text: string) =>
      openJwksServer((_request, response) => void setTimeout(() => response.end(text), 2_300));
    const jwks = await slow(JSON.stringify({ keys: [keys.publicJwk] }));
    const answer = { active: true, sub: 'alice', aud: 'films', exp: NOW + 600 };
    const endpoint = await slow(JSON.stringify(answer));
    const { auth } = load({
      AUTH_JWT_SECRET: undefined,
      AUTH_JWKS_URL: jwks.url,
      AUTH_ISSUER: 'us',
      AUTH_AUDIENCE: 'films',
      AUTH_TIMEOUT_MS: '5000',
    });
    const opaque = load({
      AUTH_JWT_SECRET: undefined,
      AUTH_INTROSPECTION_URL: endpoint.url,
      AUTH_INTROSPECTION_AUTH_METHOD: 'none',
      AUTH_AUDIENCE: 'films',
    }).auth.introspection as Introspection;
    const claims = { ...CLAIMS, iss: 'us', aud: 'films' };
    const header = { alg: 'RS256', kid: 'kid-1' };
    const token = compact(header, claims, signer(keys.privateKey, 'RS256'));
    const byKeys = async (outbound: OutboundConfig) => {
      const verifier = await createVerifier(auth.providers, EVENTS, auth.ids, outbound);
      onTestFinished(verifier.close);
      return verifier.verify(token, NOW);
    };
    const byIntrospection = (outbound: OutboundConfig) => {
      const verifier = createIntrospectionVerifier(opaque, EVENTS, auth.ids, outbound);
      onTestFinished(verifier.close);
      return verifier.verify('opaque', NOW);
    };
    const unavailable = { code: 'dependency_unavailable' };
    const [first, second, third, fourth] = await Promise.all([
      byKeys(auth.outbound),
      byIntrospection(auth.outbound),
      rejectionOf(byKeys({ ...DIRECT, timeoutMs: 500 })),
      rejectionOf(byIntrospection({ ...DIRECT, timeoutMs: 500 })),
    ]);
    expect([first, second]).toMatchObject([{ userId: 'alice' }, { userId: 'alice' }]);
    expect([third, fourth]).toMatchObject([unavailable, unavailable]);
  }, 15_000);

  it('makes a request wait 2.5 s at most, and keeps the answer for the next', async () => {
    const answers: (() => void)[] = [];
    const answer = { active: true, sub: 'alice', aud: 'films', exp: NOW + 600 };
    const server = await openJwksServer((_request, response) => {
      answers.push(() => response.end(JSON.stringify(answer)));
    });
    const config = load({
      AUTH_JWT_SECRET: undefined,
      AUTH_INTROSPECTION_URL: server.url,
      AUTH_INTROSPECTION_AUTH_METHOD: 'none',
      AUTH_AUDIENCE: 'films',
      AUTH_TIMEOUT_MS: '10000',
    });
    const { introspection, ids, outbound } = config.auth;
    const verifier = createIntrospectionVerifier(
      introspection as Introspection,
      EVENTS,
      ids,
      outbound,
    );
    onTestFinished(verifier.close);
    const started = performance.now();
    expect(await rejectionOf(verifier.verify('opaque', NOW))).toMatchObject({
      code: 'dependency_unavailable',
      extras: { reason: { received: 'TIMEOUT' } },
    });
    expect(performance.now() - started).toBeLessThan(2_900);
    answers[0]?.();
    expect(await verifier.verify('opaque', NOW)).toMatchObject({ userId: 'alice' });
    expect(server.requests()).toBe(1);
  }, 15_000);

  it('is spoken of by the doctor with the time that it has', async () => {
    const server = await openJwksServer(keySet());
    const config = load({
      AUTH_JWT_SECRET: undefined,
      AUTH_JWKS_URL: server.url,
      AUTH_ISSUER: 'us',
      AUTH_AUDIENCE: 'films',
      AUTH_TIMEOUT_MS: '5000',
    });
    expect((await checkKeys(config, () => {})).fix).toContain('within 5 s');
  });
});
