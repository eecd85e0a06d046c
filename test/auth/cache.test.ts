import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const HEADER = { alg: 'HS256' };
const GOOD = compact(HEADER, CLAIMS, hmac(JWT_SECRET));
const OURS = { issuer: 'us', audience: 'video' };

describe('a verified credential', () => {
  it('is taken from the cache for the same bytes, and its cryptography is not repeated', async () => {
    const { verify, events } = await openVerifier({ secret: JWT_SECRET });
    const first = await verify(GOOD, NOW);
    expect(verify(GOOD, NOW)).toEqual(first);
    expect(events).toEqual([
      ['cache', 'miss'],
      ['verified', expect.any(Number)],
      ['cache', 'hit'],
    ]);
  });

  it('is not taken for other bytes that say the same', async () => {
    const { verify, cache } = await openVerifier({ secret: JWT_SECRET });
    await verify(GOOD, NOW);
    await verify(compact({ ...HEADER, typ: 'JWT' }, CLAIMS, hmac(JWT_SECRET)), NOW);
    expect(cache()).toEqual(['miss', 'miss']);
  });

  it('is over at its exp, also in the cache', async () => {
    const verifier = await openVerifier({ secret: JWT_SECRET });
    const token = compact(HEADER, { sub: 'alice', exp: NOW + 10 }, hmac(JWT_SECRET));
    expect(await verifier.verify(token, NOW)).toMatchObject({ userId: 'alice' });
    expect(await verifier.verify(token, NOW + 9)).toMatchObject({ userId: 'alice' });
    await expectRefused(verifier, token, 'credential_expired', NOW + 10);
    await expectRefused(verifier, token, 'credential_expired', NOW + 11);
    expect(verifier.cache()).toEqual(['miss', 'hit', 'hit', 'hit']);
  });

  it('is verified again after 60 s', async () => {
    const time = jumpingTime();
    const { verify, cache } = await openVerifier({ secret: JWT_SECRET });
    await verify(GOOD, NOW);
    time.advance(55_000);
    await verify(GOOD, NOW);
    expect(cache()).toEqual(['miss', 'hit']);
    time.advance(5_000);
    await verify(GOOD, NOW);
    expect(cache()).toEqual(['miss', 'hit', 'miss']);
  });

  it('is verified again after 60 s, though it is asked for all the time', async () => {
    const time = jumpingTime();
    const { verify, cache } = await openVerifier({ secret: JWT_SECRET });
    for (let second = 0; second <= 60; second++) {
      await verify(GOOD, NOW);
      time.advance(1_000);
    }
    expect(cache().filter((result) => result === 'miss').length).toBe(2);
  });

  it('has no room for a refused one: each is refused by cryptography', async () => {
    const verifier = await openVerifier({ secret: JWT_SECRET });
    const forged = compact(HEADER, CLAIMS, hmac('another secret, of more than 32 bytes'));
    await expectRefused(verifier, forged);
    await expectRefused(verifier, forged);
    expect(verifier.events.map(([name, result]) => (name === 'cache' ? result : name))).toEqual([
      'miss',
      'verified',
      'miss',
      'verified',
    ]);
  });
});

describe('when the keys of a provider change', () => {
  const old = newKeys('ES256', 'old');
  const fresh = newKeys('ES256', 'fresh');
  const tokenOf = (keys: typeof old, kid: string, sub = 'alice') => {
    const claims = { ...CLAIMS, iss: 'us', aud: 'video', sub };
    return compact({ alg: 'ES256', kid }, claims, signer(keys.privateKey, 'ES256'));
  };

  async function open() {
    const time = jumpingTime();
    const server = await openJwksServer(keySet(old.publicJwk));
    const verifier = await openVerifier({ ...OURS, jwksUrl: server.url });
    return { time, server, verifier };
  }

  it('the cache is emptied: what the old keys vouched for is refused at once', async () => {
    const { time, server, verifier } = await open();
    const token = tokenOf(old, 'old');
    await verifier.verify(token, NOW);
    await verifier.verify(token, NOW);
    server.answer = keySet(fresh.publicJwk);
    time.advance(31_000);
    expect(await verifier.verify(tokenOf(fresh, 'fresh'), NOW)).toMatchObject({ userId: 'alice' });
    await expectRefused(verifier, token);
    expect(verifier.cache()).toEqual(['miss', 'hit', 'miss', 'miss']);
    expect(verifier.events.filter(([name]) => name === 'jwks')).toEqual([
      ['jwks', 'us', 'ok'],
      ['jwks', 'us', 'ok'],
    ]);
  });

  it('a verification that began before them does not end in the new cache', async () => {
    const { time, server, verifier } = await open();
    server.answer = keySet(old.publicJwk, fresh.publicJwk);
    time.advance(31_000);
    const token = tokenOf(fresh, 'fresh');
    for (let i = 0; i < 3; i++) await verifier.verify(token, NOW);
    expect(verifier.cache()).toEqual(['miss', 'miss', 'hit']);
  });

  it('a provider that is out of reach is our failure and not the credential', async () => {
    const { server, verifier, time } = await open();
    await server.stop();
    expect(verifier.healthy()).toBe(true);
    time.advance(3_600_000);
    await expectRefused(verifier, tokenOf(old, 'old'), 'dependency_unavailable');
    expect(verifier.healthy()).toBe(false);
  });

  it('what they vouched for ends when keys kept through an outage are an hour old', async () => {
    const { server, verifier, time } = await open();
    await server.stop();
    time.advance(3_599_000);
    const token = tokenOf(old, 'old');
    await verifier.verify(token, NOW);
    expect(await verifier.verify(token, NOW)).toMatchObject({ userId: 'alice' });
    time.advance(1_000);
    await expectRefused(verifier, token, 'dependency_unavailable');
    expect(verifier.cache()).toEqual(['miss', 'hit', 'miss']);
  });

  it('a cached credential of a key that was taken away is refused within 60 s', async () => {
    const { server, verifier, time } = await open();
    const token = tokenOf(old, 'old');
    await verifier.verify(token, NOW);
    server.answer = keySet(fresh.publicJwk);
    const read = verifier.nextFetch();
    time.advance(54_000);
    await read;
    await expectRefused(verifier, token);
  });

  it('a key set that cannot be used is the credential and no failure of ours', async () => {
    const { server, verifier, time } = await open();
    server.answer = keySet(old.publicJwk, { ...fresh.publicJwk, kid: 'old' });
    time.advance(31_000);
    await expectRefused(verifier, tokenOf(fresh, 'unknown'));
    await expectRefused(verifier, tokenOf(old, 'old', 'bob'));
  });

  it('a key that is too weak to trust refuses its credentials', async () => {
    const { server, verifier, time } = await open();
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    server.answer = keySet(old.publicJwk, { ...publicKey.export({ format: 'jwk' }), kid: 'weak' });
    time.advance(31_000);
    const claims = { ...CLAIMS, iss: 'us', aud: 'video' };
    const token = compact({ alg: 'RS256', kid: 'weak' }, claims, signer(privateKey, 'RS256'));
    await expectRefused(verifier, token);
  });

  it('a key that cannot be read refuses its credentials', async () => {
    const { server, verifier, time } = await open();
    const { x: _x, ...broken } = fresh.publicJwk;
    server.answer = keySet(old.publicJwk, broken);
    time.advance(31_000);
    await expectRefused(verifier, tokenOf(fresh, 'fresh'));
  });
});
