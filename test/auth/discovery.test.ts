import type { RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkKeySetAddress, createDiscovery } from '../../src/auth/keys/discovery.ts';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, signer } from '../support/compact.ts';
import { rejectionOf } from '../support/errors.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectReason, expectRefused, openVerifier } from '../support/verifier.ts';

const keys = newKeys('ES256', 'kid');
const sign = signer(keys.privateKey, 'ES256');
const OIDC = '/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server';

type Routes = Record<string, RequestListener>;

const json =
  (body: unknown): RequestListener =>
  (_request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));

/** An issuer on loopback whose documents a test can change; it counts what each address was asked. */
async function openIssuer(makeRoutes: (origin: string) => Routes) {
  const asked: string[] = [];
  const server = await openJwksServer((request, response) => {
    asked.push(request.url ?? '');
    const answer = routes[request.url ?? ''];
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  const origin = server.url.replace('/jwks', '');
  const routes = makeRoutes(origin);
  return { origin, routes, asked, stop: server.stop };
}

/** A discovery document and the key set beside it. */
const usual =
  (path = '', more: object = {}) =>
  (origin: string): Routes => ({
    [`${path}${OIDC}`]: json({ issuer: `${origin}${path}`, jwks_uri: `${origin}/keys`, ...more }),
    '/keys': keySet(keys.publicJwk),
  });

const tokenOf = (iss: string) =>
  compact({ alg: 'ES256', kid: 'kid' }, { ...CLAIMS, iss, aud: 'films' }, sign);
const open = (issuer: string) => openVerifier({ issuer, audience: 'films' });

describe('an issuer alone', () => {
  it('is enough where it has a discovery document', async () => {
    const { origin, asked } = await openIssuer(usual());
    const { verify, healthy } = await open(origin);
    expect(await verify(tokenOf(origin), NOW)).toMatchObject({ userId: 'alice', issuer: origin });
    expect([healthy(), asked]).toEqual([true, [OIDC, '/keys']]);
  });

  it('may have the document of RFC 8414 instead', async () => {
    const { origin } = await openIssuer((self) => ({
      [`${OAUTH}/tenant`]: json({ issuer: `${self}/tenant`, jwks_uri: `${self}/keys` }),
      '/keys': keySet(keys.publicJwk),
    }));
    const { verify } = await open(`${origin}/tenant`);
    expect(await verify(tokenOf(`${origin}/tenant`), NOW)).toMatchObject({ userId: 'alice' });
  });

  it.each([
    ['', '/'],
    ['/', ''],
  ])('written with "%s" is the one of the document with "%s"', async (written, real) => {
    const { origin } = await openIssuer((self) => ({
      [`/realm${OIDC}`]: json({ issuer: `${self}/realm${real}`, jwks_uri: `${self}/keys` }),
      '/keys': keySet(keys.publicJwk),
    }));
    const verifier = await open(`${origin}/realm${written}`);
    const { verify } = verifier;
    expect(await verify(tokenOf(`${origin}/realm${real}`), NOW)).toMatchObject({
      issuer: `${origin}/realm${real}`,
    });
    // To the letter as the document has it.
    const other = tokenOf(`${origin}/realm${written}`);
    await expectReason(verifier, other, { code: 'claim_iss', expected: `${origin}/realm${real}` });
  });

  it('that is in the clear or no address is refused at the start', () => {
    for (const issuer of ['http://login.example', 'login.example', 'ftp://localhost']) {
      const { error } = providerSchema.safeParse({ issuer, audience: 'films' });
      expect(error?.issues[0]?.message).toContain('must be an https URL');
    }
    expect(providerSchema.safeParse({ issuer: 'https://login.example' }).success).toBe(false);
  });
});

describe('a document', () => {
  const page: RequestListener = (_request, response) => response.end('<html>Sign in</html>');
  const CASES: [string, (origin: string) => RequestListener][] = [
    [
      'of another issuer',
      (origin) => json({ issuer: 'https://evil.example', jwks_uri: `${origin}/keys` }),
    ],
    [
      'of a part of the issuer',
      (origin) => json({ issuer: `${origin}/x`, jwks_uri: `${origin}/keys` }),
    ],
    [
      'of the issuer in other letters',
      (origin) => json({ issuer: origin.toUpperCase(), jwks_uri: `${origin}/keys` }),
    ],
    ['without an issuer', (origin) => json({ jwks_uri: `${origin}/keys` })],
    ['without a key set', (origin) => json({ issuer: origin })],
    ['with a list for its key set', (origin) => json({ issuer: origin, jwks_uri: ['x'] })],
    ['with a file for its key set', (origin) => json({ issuer: origin, jwks_uri: 'file:///k' })],
    [
      'with its key set in the clear',
      (origin) => json({ issuer: origin, jwks_uri: 'http://keys.example/' }),
    ],
    ['that is null', () => json(null)],
    ['that is HTML', () => page],
    [
      'over 256 kB',
      (origin) => json({ issuer: origin, jwks_uri: `${origin}/keys`, x: 'x'.repeat(300_000) }),
    ],
    [
      'elsewhere by a redirect',
      () => (_request, response) =>
        response.writeHead(302, { location: `http://127.0.0.1:1${OIDC}` }).end(),
    ],
    ['that is not there', () => (_request, response) => response.writeHead(500).end()],
  ];

  it.each(CASES)(
    '%s gives no keys: nothing is decided, and no key set is asked',
    async (_, make) => {
      const { origin, asked } = await openIssuer((self) => ({
        [OIDC]: make(self),
        '/keys': keySet(keys.publicJwk),
      }));
      const verifier = await open(origin);
      expect(verifier.healthy()).toBe(false);
      expect(verifier.events).toEqual([['jwks', `${origin}`, 'error']]);
      await expectRefused(verifier, tokenOf(origin), 'dependency_unavailable');
      expect(asked).not.toContain('/keys');
    },
  );

  it.each([
    ['', 'html', `/realm${OIDC}`],
    ['/', 'html', `/realm${OIDC}`],
    ['', 'no keys', '/keys'],
  ])(
    'that is no use is reported with the address that failed: %j, %s',
    async (slash, fault, path) => {
      const { origin, routes } = await openIssuer(usual('/realm'));
      if (fault === 'html') routes[`/realm${OIDC}`] = page;
      else delete routes['/keys'];
      const fetched: unknown[][] = [];
      const events = {
        cache() {},
        verified() {},
        clockCompared() {},
        jwksFetched: (...fetch: unknown[]) => void fetched.push(fetch),
      };
      const issuer = `${origin}/realm${slash}`;
      const provider = providerSchema.parse({ issuer, audience: 'films' });
      onTestFinished((await createVerifier([provider], events)).close);
      expect(fetched).toEqual([[expect.any(String), 'error', expect.any(Error), origin + path]]);
    },
  );

  it.each<
    [string, (origin: string) => object, { code: string; message?: string; received?: string }]
  >([
    [
      'another issuer',
      (origin) => ({ issuer: origin.toUpperCase(), jwks_uri: `${origin}/keys` }),
      {
        code: 'OTHER_ISSUER',
        received: expect.stringContaining('the discovery document belongs to another issuer, '),
      },
    ],
    [
      'no key set',
      (origin) => ({ issuer: origin }),
      { code: 'NO_KEY_SET', message: 'the document has no jwks_uri' },
    ],
    [
      'a key set in the clear',
      (origin) => ({ issuer: origin, jwks_uri: 'http://keys.example/' }),
      { code: 'KEY_SET_IN_CLEAR', message: 'jwks_uri must be an https URL' },
    ],
  ])('with %s is refused with the reason', async (_, make, reason) => {
    const { origin } = await openIssuer((self) => ({ [OIDC]: json(make(self)) }));
    const { jwksUrl, issuer } = createDiscovery({ issuer: origin, allowHttp: false });
    expect(await rejectionOf(jwksUrl())).toMatchObject(reason);
    expect(issuer()).toBeUndefined();
  });

  it('is kept for five minutes, or until its keys are of no use', async () => {
    const { origin, asked } = await openIssuer(usual());
    let now = 1_000_000;
    const clock = () => now;
    const { jwksUrl, issuer, forget } = createDiscovery({
      issuer: origin,
      allowHttp: false,
      clock,
    });
    const read = async () => {
      expect(await jwksUrl()).toBe(`${origin}/keys`);
      return asked.length;
    };
    expect(await read()).toBe(1);
    now += 299_999;
    expect(await read()).toBe(1);
    now += 1;
    expect(await read()).toBe(2);
    forget();
    expect(await read()).toBe(3);
    expect(await read()).toBe(3);
    expect(issuer()).toBe(origin);
  });

  it('of the first kind tells why there is none of the second', async () => {
    const { origin } = await openIssuer(() => ({
      [OIDC]: (_request, response) => void response.writeHead(418).end(),
    }));
    const { jwksUrl } = createDiscovery({ issuer: origin, allowHttp: false });
    expect(await rejectionOf(jwksUrl())).toMatchObject({ status: 418 });
  });

  it('that hangs is given up after two seconds', async () => {
    const { origin } = await openIssuer(() => ({ [OIDC]: () => {}, [OAUTH]: () => {} }));
    const started = performance.now();
    const verifier = await open(origin);
    expect(performance.now() - started).toBeLessThan(5_000);
    await expectRefused(verifier, tokenOf(origin), 'dependency_unavailable');
  });

  it('that comes back ends the outage by itself', async () => {
    const time = jumpingTime();
    const { origin, routes } = await openIssuer(() => ({}));
    const verifier = await open(origin);
    await expectRefused(verifier, tokenOf(origin), 'dependency_unavailable');
    Object.assign(routes, usual()(origin));
    time.advance(2_000);
    expect(await verifier.verify(tokenOf(origin), NOW)).toMatchObject({ userId: 'alice' });
  });

  it('is read again after five minutes, and at once when its key set has gone', async () => {
    const time = jumpingTime();
    const { origin, routes, asked } = await openIssuer(usual());
    const verifier = await open(origin);
    const unknown = (kid: string) =>
      compact({ alg: 'ES256', kid }, { ...CLAIMS, iss: origin, aud: 'films' }, sign);
    time.advance(5_000);
    await expectRefused(verifier, unknown('a'));
    expect(asked).toEqual([OIDC, '/keys', '/keys']);
    delete routes['/keys'];
    routes[OIDC] = json({ issuer: origin, jwks_uri: `${origin}/moved` });
    routes['/moved'] = keySet(keys.publicJwk);
    time.advance(5_000);
    await expectRefused(verifier, unknown('b'), 'key_unknown');
    time.advance(5_000);
    await expectRefused(verifier, unknown('c'));
    expect(asked.slice(3)).toEqual(['/keys', OIDC, '/moved']);
  });
});

describe('the address of a key set', () => {
  const ADDRESSES: Record<string, string> = {
    'login.example': '203.0.113.7',
    'keys.example': '203.0.113.8',
    'rebound.example': '10.0.0.5',
    'login.corp.example': '10.1.2.3',
  };
  const resolve = async (host: string) => [{ address: ADDRESSES[host] ?? '203.0.113.9' }];
  const check = (issuer: string, url: string) => checkKeySetAddress(issuer, url, false, resolve);

  it.each([
    'https://127.0.0.1/keys',
    'http://localhost/keys',
    'https://[::1]/keys',
    'https://[::ffff:10.0.0.1]/keys',
    'https://[fd00::1]/keys',
    'https://10.0.0.1/keys',
    'https://192.168.1.1/keys',
    'https://172.20.0.1/keys',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.64.0.1/keys',
    'https://0.0.0.0/keys',
    'https://2130706433/keys',
    'https://0x7f.1/keys',
    'https://rebound.example/keys',
  ])('that is %s is refused where the issuer is outside', async (url) => {
    const local = { ...ADDRESSES, localhost: '127.0.0.1' };
    const lookup = async (host: string) => [{ address: local[host as 'localhost'] ?? host }];
    const checking = checkKeySetAddress('https://login.example', url, false, lookup);
    expect(String(await rejectionOf(checking))).toContain('internal address');
  });

  it('is looked up by name where no other resolver is given', async () => {
    await checkKeySetAddress('https://localhost', 'https://localhost/keys', false);
    const checking = checkKeySetAddress('https://203.0.113.7', 'https://localhost/keys', false);
    expect(String(await rejectionOf(checking))).toContain('internal address');
  });

  it('is not waited for longer than 2 s while the resolver does not answer', async () => {
    const time = jumpingTime();
    const lookup = () => new Promise<never>(() => {});
    const checking = checkKeySetAddress('https://a.example', 'https://keys.example', false, lookup);
    const refused = rejectionOf(checking);
    time.advance(2_000);
    expect(await refused).toMatchObject({ code: 'EAI_AGAIN' });
  });

  it('is inside when one of its addresses is', async () => {
    const lookup = async (host: string) =>
      host === 'keys.example'
        ? [{ address: '203.0.113.8' }, { address: 'fd00::1' }]
        : [{ address: '203.0.113.7' }];
    const checking = checkKeySetAddress('https://a.example', 'https://keys.example', false, lookup);
    expect(await rejectionOf(checking)).toMatchObject({ code: 'KEY_SET_INSIDE' });
  });

  it('is looked up by the name of its host', async () => {
    const hosts: string[] = [];
    const lookup = async (host: string) => {
      hosts.push(host);
      return [{ address: '203.0.113.8' }];
    };
    const check = (url: string) => checkKeySetAddress('https://a.example', url, false, lookup);
    await check('https://keys.example:8443/keys');
    await check('https://[2001:db8::1]:8443/keys');
    expect(hosts).toEqual(['keys.example']);
  });

  it('may be inside where the issuer is, and outside anywhere', async () => {
    await check('https://login.corp.example', 'https://10.0.0.1/keys');
    await check('https://127.0.0.1', 'http://127.0.0.1/keys');
    await check('https://login.example', 'https://keys.example/keys');
  });
});
