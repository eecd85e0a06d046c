import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer, unsigned } from '../support/compact.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const HEADER = { alg: 'HS256', typ: 'JWT' };
const GOOD = compact(HEADER, CLAIMS, hmac(JWT_SECRET));
const openSecret = () => openVerifier({ secret: JWT_SECRET });

const rsa = newKeys('RS256');
const attacker = newKeys('RS256');
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

describe('a good credential', () => {
  it('of a shared secret gives its user, expiry and rights', async () => {
    const { verify } = await openSecret();
    const video_access = [{ room: 'r', videos: ['*'] }];
    const token = compact(HEADER, { ...CLAIMS, video_access, iss: 'us' }, hmac(JWT_SECRET));
    expect(await verify(token, NOW)).toEqual({
      userId: 'alice',
      subject: 'alice',
      issuer: 'us',
      expiresAt: NOW + 600,
      videoAccess: video_access,
    });
  });

  it.each([256, 384, 512] as const)(
    'may be signed with HS%d where that is listed',
    async (bits) => {
      const algorithms = ['HS256', 'HS384', 'HS512'];
      const { verify } = await openVerifier({ secret: JWT_SECRET, algorithms });
      const token = compact({ alg: `HS${bits}` }, CLAIMS, hmac(JWT_SECRET, bits));
      expect(await verify(token, NOW)).toMatchObject({ userId: 'alice' });
    },
  );

  it.each(ALGORITHMS)('may be signed with %s, checked by PEM or JWK', async (alg) => {
    const keys = newKeys(alg);
    const token = compact({ alg }, CLAIMS, signer(keys.privateKey, alg));
    for (const publicKey of [keys.publicPem, JSON.stringify(keys.publicJwk)]) {
      const { verify } = await openVerifier({ publicKey, algorithms: [alg] });
      expect(await verify(token, NOW)).toMatchObject({ userId: 'alice', issuer: undefined });
    }
  });
});

describe('the algorithm', () => {
  it('none is refused, in any case, and so is an empty one', async () => {
    const verifiers = [await openSecret(), await openVerifier({ publicKey: rsa.publicPem })];
    for (const verifier of verifiers) {
      for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
        await expectRefused(verifier, compact({ alg }, CLAIMS, unsigned));
        await expectRefused(verifier, compact({ alg }, CLAIMS, hmac(JWT_SECRET)));
      }
    }
  });

  it.each([
    undefined,
    null,
    1,
    ['HS256'],
    { HS256: true },
    'hs256',
    'HS384',
    'HS512',
    'RS256',
    'HMAC',
    '__proto__',
    'constructor',
    'toString',
  ])('%o is refused where HS256 is listed', async (alg) => {
    const header = { ...HEADER, alg };
    await expectRefused(await openSecret(), compact(header, CLAIMS, hmac(JWT_SECRET)));
  });

  it('HS256 keyed with our public key is refused, with white space or without', async () => {
    const verifier = await openVerifier({ publicKey: rsa.publicPem });
    const der = rsa.publicKey.export({ format: 'der', type: 'spki' });
    const { publicPem: pem } = rsa;
    const secrets = [pem, pem.trim(), ` ${pem}`, `\n\n${pem}`, pem.replaceAll('\n', '\r\n'), der];
    for (const secret of secrets) {
      await expectRefused(verifier, compact(HEADER, CLAIMS, hmac(secret)));
    }
  });

  it('of another family is refused, though the same key made the signature', async () => {
    const verifier = await openVerifier({ publicKey: rsa.publicPem });
    const token = compact({ alg: 'PS256' }, CLAIMS, signer(rsa.privateKey, 'PS256'));
    await expectRefused(verifier, token);
  });

  it('named in the header decides nothing: an RS256 signature is no PS256 one', async () => {
    const verifier = await openVerifier({ publicKey: rsa.publicPem });
    await expectRefused(
      verifier,
      compact({ alg: 'RS256' }, CLAIMS, signer(rsa.privateKey, 'PS256')),
    );
  });
});

describe('the signature', () => {
  it.each([
    ['nothing', unsigned],
    ['an empty key', hmac('')],
    ['a key of zeros', hmac(Buffer.alloc(32))],
    ['another secret', hmac(`${JWT_SECRET}x`)],
    ['another hash', hmac(JWT_SECRET, 512)],
    ['a plain digest', (input: string) => createHash('sha256').update(input).digest()],
    ['half of itself', (input: string) => hmac(JWT_SECRET)(input).subarray(0, 16)],
    [
      'itself and a byte',
      (input: string) => Buffer.concat([hmac(JWT_SECRET)(input), Buffer.alloc(1)]),
    ],
  ])('by %s is refused', async (_name, sign) => {
    await expectRefused(await openSecret(), compact(HEADER, CLAIMS, sign));
  });

  it('is refused for any other payload', async () => {
    const [header, , signature] = GOOD.split('.');
    const mallory = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'mallory' }));
    const token = `${header}.${mallory.toString('base64url')}.${signature}`;
    await expectRefused(await openSecret(), token);
  });

  it('of zeros, which some ECDSA code accepted, is refused', async () => {
    const verifier = await openVerifier({ publicKey: newKeys('ES256').publicPem });
    await expectRefused(
      verifier,
      compact({ alg: 'ES256' }, CLAIMS, () => Buffer.alloc(64)),
    );
  });

  it('has one text only: no padding, no line end, no spare bits, no other alphabet', async () => {
    const verifier = await openSecret();
    await verifier.verify(GOOD, NOW);
    const last = GOOD.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // An HS256 signature leaves two spare bits in its last character.
    const spare = alphabet.charAt(alphabet.indexOf(last) ^ 1);
    const body = GOOD.slice(0, -1);
    const texts = [`${body}${spare}`, `${GOOD}=`, `${GOOD}==`, `${GOOD}\n`, `${GOOD} `, ` ${GOOD}`];
    texts.push(`${GOOD}\0`, `${body}\n${last}`, `${GOOD}A`, `${GOOD}%3D`, `${GOOD}é`);
    for (const text of texts) await expectRefused(verifier, text);
    expect(verifier.cache()).not.toContain('hit');
  });

  it('with + and / in place of - and _ is refused', async () => {
    const verifier = await openSecret();
    let id = 0;
    let token = GOOD;
    while (!/[-_][\w-]*$/.test(token.split('.')[2] ?? '')) {
      token = compact(HEADER, { ...CLAIMS, jti: id++ }, hmac(JWT_SECRET));
    }
    await verifier.verify(token, NOW);
    const [header, payload, signature = ''] = token.split('.');
    const standard = signature.replaceAll('-', '+').replaceAll('_', '/');
    await expectRefused(verifier, `${header}.${payload}.${standard}`);
  });
});

describe('the form', () => {
  const [header, payload, signature] = GOOD.split('.');

  it.each([
    ['nothing', ''],
    ['one part', 'token'],
    ['two parts', `${header}.${payload}`],
    ['two parts and a dot', `${header}.${payload}.`],
    ['no header', `.${payload}.${signature}`],
    ['no payload', `${header}..${signature}`],
    ['four parts', `${GOOD}.${signature}`],
    [
      'five parts, as an encrypted one',
      `${header}.${payload}.${signature}.${payload}.${signature}`,
    ],
    ['dots alone', '..'],
    ['JSON serialization', JSON.stringify({ payload, protected: header, signature })],
    [
      'the general JSON serialization',
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ],
    ['more than 12 kB', compact(HEADER, { ...CLAIMS, filler: 'x'.repeat(9216) }, hmac(JWT_SECRET))],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('of %s is refused', async (_name, token) => {
    const other = { issuer: 'us', secret: JWT_SECRET };
    await expectRefused(await openSecret(), token);
    await expectRefused(await openVerifier(other, { ...other, issuer: 'them' }), token);
  });

  it.each([
    ['a header that is no JSON', 'alg=HS256', CLAIMS],
    ['a header that is a list', '["HS256"]', CLAIMS],
    ['a header that is null', 'null', CLAIMS],
    ['a header in UTF-16', Buffer.from(JSON.stringify(HEADER), 'utf16le'), CLAIMS],
    ['a payload that is a list', HEADER, '[{"sub":"alice"}]'],
    ['a payload that is a text', HEADER, '"alice"'],
    ['a payload that is null', HEADER, 'null'],
    ['a payload that is no JSON', HEADER, 'sub=alice'],
    ['an empty object', HEADER, '{}'],
    ['two objects', HEADER, `${JSON.stringify(CLAIMS)}{}`],
    ['a payload of invalid UTF-8', HEADER, invalidUtf8()],
  ])('with %s is refused, though it is signed', async (_name, head, claims) => {
    await expectRefused(await openSecret(), compact(head, claims, hmac(JWT_SECRET)));
  });

  /** A decoder that is lenient makes the same U+FFFD of every wrong byte, and one user of many. */
  function invalidUtf8(): Buffer {
    const bytes = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'al#ce' }));
    bytes[bytes.indexOf('#')] = 0xff;
    return bytes;
  }
});

describe('the header', () => {
  it.each([
    ['an unknown crit', { crit: ['exp'], exp: 1 }],
    ['a crit that names nothing there', { crit: ['urn:unknown'] }],
    ['an empty crit', { crit: [] }],
    ['a crit that is a text', { crit: 'b64' }],
    ['an unencoded payload', { b64: false, crit: ['b64'] }],
    ['an unencoded payload that is not called critical', { b64: false }],
    ['a kid that is an object', { kid: { $ne: null } }],
    ['a kid that is a number', { kid: 1 }],
    ['compression', { zip: 'DEF', crit: ['zip'] }],
  ])('with %s is refused, though it is signed', async (_name, more) => {
    const token = compact({ ...HEADER, ...more }, CLAIMS, hmac(JWT_SECRET));
    await expectRefused(await openSecret(), token);
  });

  it.each([
    ['../../../../dev/null'],
    ['/proc/self/environ'],
    [`' UNION SELECT 'key' --`],
    ['http://127.0.0.1/jwks'],
    ['__proto__'],
    ['k'.repeat(4_000)],
  ])('with a kid that is %s opens no door', async (kid) => {
    const token = compact({ ...HEADER, kid }, CLAIMS, hmac(''));
    await expectRefused(await openSecret(), token);
  });

  it('with a key of its own is not believed', async () => {
    const verifier = await openVerifier({ publicKey: rsa.publicPem });
    const jwk = attacker.publicJwk;
    const sign = signer(attacker.privateKey, 'RS256');
    await expectRefused(verifier, compact({ alg: 'RS256', jwk }, CLAIMS, sign));
    await expectRefused(verifier, compact({ alg: 'RS256', x5c: ['MIIB'] }, CLAIMS, sign));
  });

  it('that points to keys elsewhere makes no connection', async () => {
    let connections = 0;
    const canary = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    const listening = Promise.withResolvers<void>();
    canary.listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    onTestFinished(() => void canary.close());
    const url = `http://127.0.0.1:${(canary.address() as { port: number }).port}/keys`;
    const verifiers = [await openSecret(), await openVerifier({ publicKey: rsa.publicPem })];
    const sign = signer(attacker.privateKey, 'RS256');
    for (const verifier of verifiers) {
      for (const pointer of [{ jku: url }, { x5u: url }, { jku: url, kid: url, x5u: url }]) {
        await expectRefused(verifier, compact({ alg: 'RS256', ...pointer }, CLAIMS, sign));
        await expectRefused(verifier, compact({ alg: 'HS256', ...pointer }, CLAIMS, sign));
      }
    }
    expect(connections).toBe(0);
  });

  it('that says alg twice is read once, the last one winning', async () => {
    const verifier = await openSecret();
    const none = compact('{"alg":"HS256","alg":"none"}', CLAIMS, hmac(JWT_SECRET));
    await expectRefused(verifier, none);
    await expectRefused(verifier, compact('{"alg":"none","alg":"HS256"}', CLAIMS, unsigned));
  });
});
