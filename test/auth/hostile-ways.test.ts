import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { NOW } from '../support/clock.ts';
import { compact, hmac, type Part, type Signer, signer, unsigned } from '../support/compact.ts';
import { type Files, load, type Variables } from '../support/environment.ts';
import { newKeys } from '../support/keys.ts';
import { expectRefused } from '../support/verifier.ts';

const SECRET = Buffer.from('a secret of at least 32 bytes, yes');
const OTHER = Buffer.from('another one of at least 32 bytes, yes');
const rsa = newKeys('RS256', 'k');
const rsa2 = newKeys('RS256', 'k2');
const attacker = newKeys('RS256', 'k');
const claims = { iss: 'us', aud: 'films', sub: 'alice', iat: NOW - 60, exp: NOW + 600 };
const OURS = { AUTH_ISSUER: 'us', AUTH_AUDIENCE: 'films', AUTH_JWT_SECRET: undefined };
const JWKS = JSON.stringify({ keys: [rsa.publicJwk, rsa2.publicJwk] });
const byRsa = signer(rsa.privateKey, 'RS256');

type Way = { alg: 'HS256' | 'RS256'; variables: Variables; files?: Files; sign: Signer };

/** The ways to sign in that came after 0.2.0; the others have tests of their own. */
const WAYS: Record<string, Way> = {
  'a secret in base64': {
    alg: 'HS256',
    variables: { AUTH_JWT_SECRET: SECRET.toString('base64'), AUTH_JWT_SECRET_ENCODING: 'base64' },
    sign: hmac(SECRET),
  },
  'the bytes of a file': {
    alg: 'HS256',
    variables: { AUTH_JWT_SECRET_FILE: 'f', AUTH_JWT_SECRET_ENCODING: 'binary' },
    files: { f: SECRET },
    sign: hmac(SECRET),
  },
  'an oct JWK': {
    alg: 'HS256',
    variables: { AUTH_JWT_SECRET: JSON.stringify({ kty: 'oct', k: SECRET.toString('base64url') }) },
    sign: hmac(SECRET),
  },
  'the secret of before': {
    alg: 'HS256',
    variables: { AUTH_JWT_SECRET: OTHER.toString(), AUTH_JWT_SECRET_PREVIOUS: SECRET.toString() },
    sign: hmac(SECRET),
  },
  'the public key of before': {
    alg: 'RS256',
    variables: {
      AUTH_JWT_PUBLIC_KEY: rsa2.publicPem,
      AUTH_JWT_PUBLIC_KEY_PREVIOUS: rsa.publicPem,
    },
    sign: byRsa,
  },
  'a key set in a file': {
    alg: 'RS256',
    variables: { AUTH_JWKS_FILE: 'f' },
    files: { f: JWKS },
    sign: byRsa,
  },
};

const { iss: _iss, exp: _exp, ...endless } = claims;
const raw = (name: string, text: string) =>
  `${JSON.stringify({ ...claims, [name]: undefined }).slice(0, -1)},"${name}":${text}}`;

it.each(Object.entries(WAYS))('%s takes its JWTs, and no hostile one', async (_name, way) => {
  const { alg, variables, files, sign } = way;
  const { providers } = load({ ...OURS, ...variables }, files).auth;
  const verifier = await createVerifier(providers, {
    cache() {},
    verified() {},
    jwksFetched() {},
    clockCompared() {},
  });
  onTestFinished(verifier.close);
  const kid = alg === 'RS256' ? { kid: 'k' } : {};
  const good = compact({ alg, ...kid }, claims, sign);
  expect(await verifier.verify(good, NOW)).toMatchObject({ userId: 'alice' });

  let connections = 0;
  const canary = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  const listening = Promise.withResolvers<void>();
  canary.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  onTestFinished(() => void canary.close());
  const url = `http://127.0.0.1:${(canary.address() as { port: number }).port}/`;
  const byAttacker = signer(attacker.privateKey, 'RS256');
  const pem = rsa.publicPem;
  const refused: [Part, Part, Signer][] = [
    ...[
      'none',
      'None',
      'NONE',
      '',
      'hs256',
      'rs256',
      'HS384',
      'RS512',
      'PS256',
      '__proto__',
    ].flatMap((other): [Part, Part, Signer][] => [
      [{ alg: other, ...kid }, claims, unsigned],
      [{ alg: other, ...kid }, claims, sign],
    ]),
    ...[pem, pem.trim(), ` ${pem}`, JWKS, ''].map((key): [Part, Part, Signer] => [
      { alg: 'HS256', ...kid },
      claims,
      hmac(key),
    ]),
    ...[['x'], [], 'b64', { a: 1 }].map((crit): [Part, Part, Signer] => [
      { alg, ...kid, crit },
      claims,
      sign,
    ]),
    [{ alg, ...kid, b64: false, crit: ['b64'] }, claims, sign],
    [{ alg: 'RS256', ...kid, jwk: attacker.publicJwk }, claims, byAttacker],
    [{ alg: 'RS256', ...kid, x5c: ['MIIB'] }, claims, byAttacker],
    [{ alg: 'RS256', ...kid, jku: url, x5u: url }, claims, byAttacker],
    [{ alg: 'RS256' }, claims, byAttacker],
    ...[7, {}, ['k'], true].map((bad): [Part, Part, Signer] => [{ alg, kid: bad }, claims, sign]),
    ...['../../dev/null', `' OR 1=1 --`, 'k'.repeat(9_000)].map((bad): [Part, Part, Signer] => [
      { alg, kid: bad },
      claims,
      alg === 'RS256' ? byAttacker : hmac(''),
    ]),
    [{ alg, ...kid }, endless, sign],
    ...['"soon"', 'null', '1e300', '1e400', '[1]'].map((exp): [Part, Part, Signer] => [
      { alg, ...kid },
      raw('exp', exp),
      sign,
    ]),
    [{ alg, ...kid }, { ...claims, nbf: NOW + 60 }, sign],
    [{ alg, ...kid }, { ...claims, iat: NOW + 60 }, sign],
    [{ alg, ...kid }, { ...claims, iat: `${NOW}` }, sign],
    ...['games', {}, undefined, ['games']].map((aud): [Part, Part, Signer] => [
      { alg, ...kid },
      { ...claims, aud },
      sign,
    ]),
    ...['them', ['us'], undefined, 'us/'].map((iss): [Part, Part, Signer] => [
      { alg, ...kid },
      { ...claims, iss },
      sign,
    ]),
    ...[7, {}, null, '', 'a\0b', '\ud800'].map((sub): [Part, Part, Signer] => [
      { alg, ...kid },
      { ...claims, sub },
      sign,
    ]),
    [{ alg, ...kid }, '[]', sign],
    [{ alg, ...kid }, 'null', sign],
    [{ alg, ...kid }, Buffer.from([0x7b, 0xff, 0x7d]), sign],
  ];
  for (const [header, payload, by] of refused) {
    await expectRefused(verifier, compact(header, payload, by));
  }
  const [head, body, signature] = good.split('.');
  for (const text of [
    `${head}.${body}`,
    `${good}.${signature}`,
    `${good}=`,
    `${good}\n`,
    ` ${good}`,
  ]) {
    await expectRefused(verifier, text);
  }
  await expectRefused(
    verifier,
    compact({ alg, ...kid }, { ...claims, exp: NOW }, sign),
    'credential_expired',
  );
  expect(connections).toBe(0);
});
