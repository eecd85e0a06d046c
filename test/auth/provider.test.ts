import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Provider, providerSchema } from '../../src/config/identity/provider.ts';
import { newKeys } from '../support/keys.ts';

const SECRET = 'a secret of at least 32 bytes, yes';
const JWKS = { jwksUrl: 'https://login.example/jwks', issuer: 'us', audience: 'video' };
const rsa = newKeys('RS256');
const ec = newKeys('ES256');
const ed = newKeys('EdDSA');

/** What an operator reads, as `field: message`. */
function refusal(input: object): string[] {
  const { error } = providerSchema.safeParse(input);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

function accept(input: object): Provider {
  expect(refusal(input)).toEqual([]);
  return providerSchema.parse(input);
}

const ITS_OWN = /^algorithms: must fit the public key, such as (RS256|ES256|EdDSA)$/;
const HMAC_ONLY = 'algorithms: must be HS256, HS384 or HS512 with a shared secret';
const PUBLIC_ONLY = 'algorithms: must be public-key algorithms, such as RS256, PS256, ES256, EdDSA';
const PRIVATE = 'publicKey: this is a private or secret key; give the public one';
const NO_KEY = 'publicKey: must be a public key as PEM or JWK';
const WEAK =
  'publicKey: must be an RSA key of at least 2048 bits, an EC key on P-256, P-384 or P-521, or an Ed25519 key';

describe('a provider', () => {
  it('has defaults for all but its key', () => {
    expect(accept({ secret: SECRET })).toEqual({
      issuers: [],
      audience: undefined,
      audienceClaim: 'aud',
      audienceOptional: false,
      requiredClaims: {},
      userClaim: 'sub',
      userClaimNumeric: false,
      userPrefix: '',
      clockToleranceSeconds: 5,
      keys: [{ kind: 'secret', algorithms: ['HS256'], secret: Buffer.from(SECRET) }],
    });
  });

  it.each(['', '/'])(
    'of an issuer alone, written with "%s", takes its last slash or none',
    (slash) => {
      const bare = 'https://login.example/realm';
      const issuer = `${bare}${slash}`;
      const either = [bare, `${bare}/`].map((iss) => ({ iss, canonical: iss }));
      const given = { issuer, audience: 'films', algorithms: ['ES256'] };
      const discovery = { kind: 'discovery', issuer, allowHttp: false, algorithms: ['ES256'] };
      expect(accept(given)).toMatchObject({ issuers: either, keys: [discovery] });
      const keys = [{ algorithms: ['ES256'] }, { secret: SECRET }];
      const { issuers, keys: both } = accept({ issuer, audience: 'films', keys });
      expect([issuers, both.map(({ kind }) => kind)]).toEqual([either, ['discovery', 'secret']]);
    },
  );

  it('of an issuer alone that is in the clear is refused for its issuer', () => {
    const [message, ...more] = refusal({ issuer: 'http://login.example', audience: 'films' });
    expect(message).toMatch(
      /^issuer: must be an https URL, .* the service reads its discovery document$/,
    );
    expect(more).toEqual([]);
  });

  it('has one audience or several', () => {
    expect(accept({ secret: SECRET, audience: 'a' }).audience).toEqual(['a']);
    expect(accept({ secret: SECRET, audience: ['a', 'b'] }).audience).toEqual(['a', 'b']);
    expect(refusal({ secret: SECRET, audience: [] })).not.toEqual([]);
  });

  it('names its audience where that is in another claim than aud', () => {
    const message = 'audience: is required with the audience claim azp';
    expect(refusal({ secret: SECRET, audienceClaim: 'azp' })).toEqual([message]);
    accept({ secret: SECRET, audienceClaim: 'azp', audience: 'films' });
  });

  it('has exactly one key', () => {
    const message = ['secret: give exactly one of secret, publicKey, jwksFile and jwksUrl'];
    expect(refusal({})).toEqual(message);
    expect(refusal({ secret: SECRET, publicKey: rsa.publicPem })).toEqual(message);
    expect(refusal({ secret: SECRET, ...JWKS })).toEqual(message);
  });

  it('has no field that we do not know, as it would be a typo', () => {
    expect(refusal({ secret: SECRET, isuer: 'us' }).join()).toContain('isuer');
  });

  it.each([0, 60])('may tolerate clocks that differ by %d s', (clockToleranceSeconds) => {
    expect(accept({ secret: SECRET, clockToleranceSeconds })).toMatchObject({
      clockToleranceSeconds,
    });
  });

  it.each([-1, 61, 0.5, '5'])('may not tolerate %o s', (clockToleranceSeconds) => {
    expect(refusal({ secret: SECRET, clockToleranceSeconds })).toHaveLength(1);
  });
});

describe('a shared secret', () => {
  it('has at least 32 bytes', () => {
    accept({ secret: 's'.repeat(32) });
    accept({ secret: 'é'.repeat(16) });
    const message = ['secret: must be at least 32 bytes long'];
    expect(refusal({ secret: 's'.repeat(31) })).toEqual(message);
    expect(refusal({ secret: 's' })).toEqual(message);
    expect(refusal({ secret: '' })).not.toEqual([]);
  });

  it('that is a published key, in any of its forms, is refused', () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = JSON.stringify(rsa.publicKey.export({ format: 'jwk' }));
    const der = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const oneLine = pem.replaceAll('\n', '\\n');
    const ssh = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPd0';
    for (const secret of [
      pem,
      oneLine,
      ` ${pem}`,
      jwk,
      ` ${jwk}`,
      `[${jwk}]`,
      `{"keys":[${jwk}]}`,
      der,
      ssh,
    ]) {
      expect(refusal({ secret })).toEqual([
        'secret: is a key, not a shared secret; anybody who has a public key could sign with it, so set it as the public key',
      ]);
    }
  });

  it('may begin with a brace', () => {
    accept({ secret: '{9fK#2m[0123456789012345678901234' });
    accept({ secret: `MIIB${'0123456789abcdef'.repeat(4)}` });
  });

  it('is for HMAC alone', () => {
    accept({ secret: SECRET, algorithms: ['HS256', 'HS384', 'HS512'] });
    const lists = [['RS256'], ['HS256', 'RS256'], ['none'], ['hs256'], ['HS256', 'HS1']];
    for (const algorithms of lists) {
      expect(refusal({ secret: SECRET, algorithms })).toEqual([HMAC_ONLY]);
    }
    expect(refusal({ secret: SECRET, algorithms: [] })).toHaveLength(1);
  });
});

describe('a public key', () => {
  it.each([
    ['RSA', rsa, ['RS256']],
    ['P-256', ec, ['ES256']],
    ['P-384', newKeys('ES384'), ['ES384']],
    ['P-521', newKeys('ES512'), ['ES512']],
    ['Ed25519', ed, ['EdDSA', 'Ed25519']],
  ])('of %s has its usual algorithm', (_name, { publicPem, publicJwk }, algorithms) => {
    for (const publicKey of [publicPem, `\n ${publicPem}\n`, JSON.stringify(publicJwk)]) {
      expect(accept({ publicKey }).keys).toMatchObject([{ algorithms }]);
    }
  });

  it('serves several algorithms of one family', () => {
    accept({ publicKey: rsa.publicPem, algorithms: ['RS256', 'RS384', 'RS512'] });
    accept({ publicKey: rsa.publicPem, algorithms: ['PS256', 'PS512'] });
  });

  it.each([
    ['two families of one key', rsa.publicPem, ['RS256', 'PS256']],
    ['HMAC, which would take the public text for a secret', rsa.publicPem, ['HS256']],
    ['HMAC beside its own', rsa.publicPem, ['RS256', 'HS256']],
    ['none', rsa.publicPem, ['none']],
    ['an unknown algorithm beside its own', rsa.publicPem, ['RS256', 'RS1']],
    ['the algorithm of another type', rsa.publicPem, ['ES256']],
    ['the algorithm of another curve', ec.publicPem, ['ES384']],
    ['the algorithms of two curves', ec.publicPem, ['ES256', 'ES384']],
    ['Ed25519 for ECDSA', ed.publicPem, ['ES256']],
  ])('is not for %s', (_name, publicKey, algorithms) => {
    expect(refusal({ publicKey, algorithms })).toEqual([expect.stringMatching(ITS_OWN)]);
  });

  it.each([
    ['a PKCS#8 PEM', rsa.privatePem],
    ['a PKCS#8 PEM of EC', ec.privatePem],
    ['a PKCS#1 PEM', rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }).toString()],
    ['a SEC1 PEM', ec.privateKey.export({ format: 'pem', type: 'sec1' }).toString()],
    ['a PEM after white space', `\n\t${rsa.privatePem}`],
    ['both halves in one file', rsa.publicPem + rsa.privatePem],
    [
      'an encrypted PEM',
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----',
    ],
    ['a JWK', JSON.stringify(rsa.privateJwk)],
    ['a JWK of EC', JSON.stringify(ec.privateJwk)],
    ['a JWK of Ed25519', JSON.stringify(ed.privateJwk)],
    ['a symmetric JWK', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' })],
  ])('is no private one: %s', (_name, publicKey) => {
    expect(refusal({ publicKey })).toEqual([PRIVATE]);
  });

  it.each([
    ['a word', 'key'],
    ['damaged PEM', rsa.publicPem.replace('MII', 'AAA')],
    ['damaged JSON', '{"kty":"RSA"'],
    ['a JWK without a key', '{"kty":"RSA"}'],
    ['a JWK of an unknown type', '{"kty":"XYZ"}'],
    ['a key set', JSON.stringify({ keys: [rsa.publicJwk] })],
  ])('is no other text: %s', (_name, publicKey) => {
    expect(refusal({ publicKey })).toEqual([NO_KEY]);
  });

  it.each([
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 })],
    ['RSA of 2047 bits', () => generateKeyPairSync('rsa', { modulusLength: 2047 })],
    ['EC on secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['EC on P-224', () => generateKeyPairSync('ec', { namedCurve: 'secp224r1' })],
    ['X25519', () => generateKeyPairSync('x25519')],
    ['RSA for PSS alone', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
    ['DSA', () => generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })],
    ['Ed448', () => generateKeyPairSync('ed448')],
  ])('is not %s', (_name, make) => {
    const publicKey = make().publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(refusal({ publicKey })).toEqual([WEAK]);
  });

  it('is never quoted in a message', () => {
    const texts = [rsa.privatePem, JSON.stringify(ec.privateJwk), 'canary', '{"kty":"canary"}'];
    for (const publicKey of texts) {
      const [message = ''] = refusal({ publicKey });
      expect(message).not.toContain('canary');
      expect(message).not.toContain(String(ec.privateJwk.d));
      expect(message.length).toBeLessThan(150);
    }
  });
});

describe('a JWKS', () => {
  it('has the usual algorithms, EdDSA under both of its names', () => {
    expect(accept(JWKS).keys).toEqual([
      {
        kind: 'jwks',
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
        url: JWKS.jwksUrl,
      },
    ]);
  });

  it.each([
    'https://login.example/jwks?v=1',
    'http://localhost:8080/jwks',
    'http://127.0.0.1/jwks',
    'http://[::1]:80/jwks',
  ])('may be at %s', (jwksUrl) => {
    accept({ ...JWKS, jwksUrl });
  });

  it.each([
    'http://login.example/jwks',
    'http://localhost.evil.example/jwks',
    'http://127.0.0.1.evil.example/',
    'http://10.0.0.1/jwks',
    'http://0.0.0.0/jwks',
    'https://user:password@login.example/jwks',
    'https://user@login.example/jwks',
    'ftp://localhost/jwks',
    'file:///etc/jwks.json',
    'data:application/json,{}',
    'login.example/jwks',
    'https://',
  ])('may not be at %s', (jwksUrl) => {
    const message = 'jwksUrl: must be an https URL, or http on loopback, without user and password';
    expect(refusal({ ...JWKS, jwksUrl })).toEqual([message]);
  });

  it('needs an issuer and an audience, and says so at once', () => {
    expect(refusal({ jwksUrl: 'http://login.example' })).toEqual([
      'jwksUrl: must be an https URL, or http on loopback, without user and password',
      'issuer: is required with a JWKS URL',
      'audience: is required with AUTH_ISSUER alone and with a JWKS URL',
    ]);
  });

  it('is for public-key algorithms alone', () => {
    accept({ ...JWKS, algorithms: ['RS512', 'ES384'] });
    for (const algorithms of [['HS256'], ['RS256', 'HS256'], ['none'], ['rs256']]) {
      expect(refusal({ ...JWKS, algorithms })).toEqual([PUBLIC_ONLY]);
    }
  });
});
