import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer, unsigned } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const OURS = { issuer: 'us', audience: 'video' };
const claims = { ...CLAIMS, iss: 'us', aud: 'video' };
/** Of a JWT that is older than the last fetch of keys. */
const older = { ...claims, iat: NOW - 60 };
const ours = newKeys('ES256', 'ours');
const attacker = newKeys('ES256', 'ours');
const sign = signer(ours.privateKey, 'ES256');
const signAsAttacker = signer(attacker.privateKey, 'ES256');

/** A verifier over a key set with our key alone. */
async function open(...more: object[]) {
  const server = await openJwksServer(keySet(ours.publicJwk, ...more));
  return { server, verifier: await openVerifier({ ...OURS, jwksUrl: server.url }) };
}

describe('a key id looked up in a key set', () => {
  it.each([
    ['a number', 1],
    ['an object', { $ne: null }],
    ['a list of ours', ['ours']],
    ['null', null],
    ['true', true],
  ])('that is %s is refused, though our key made the signature', async (_name, kid) => {
    const { verifier } = await open();
    await expectRefused(verifier, compact({ alg: 'ES256', kid }, claims, sign));
  });

  it.each([
    ['a path', '../../../../dev/null'],
    ['SQL', `' UNION SELECT 'key' --`],
    ['an address', 'http://127.0.0.1/jwks'],
    ['a name that every object has', '__proto__'],
    ['empty', ''],
    ['ours in capitals', 'OURS'],
    ['ours with a space', 'ours '],
    ['4 kB long', 'k'.repeat(4_000)],
  ])('that is %s is refused, whatever key signed', async (_name, kid) => {
    const time = jumpingTime();
    const { verifier, server } = await open();
    const head = { alg: 'ES256', kid };
    await expectRefused(verifier, compact(head, claims, sign), 'key_unknown');
    await expectRefused(verifier, compact(head, claims, signAsAttacker), 'key_unknown');
    expect(server.requests()).toBe(1);
    time.advance(5_000);
    await expectRefused(verifier, compact(head, claims, sign));
    await expectRefused(verifier, compact({ alg: 'HS256', kid }, claims, hmac('')));
    await expectRefused(verifier, compact({ alg: 'none', kid }, claims, unsigned));
    expect(server.requests()).toBe(2);
  });

  it('that is ours is no proof: another key under its name is refused', async () => {
    const { verifier } = await open();
    const head = { alg: 'ES256', kid: 'ours' };
    await expectRefused(verifier, compact(head, older, signAsAttacker));
    const jwk = attacker.publicJwk;
    await expectRefused(verifier, compact({ ...head, jwk }, older, signAsAttacker));
    const { verify } = verifier;
    expect(await verify(compact({ ...head, jwk }, claims, sign), NOW)).toMatchObject({
      userId: 'alice',
    });
  });

  it('that is ours has the keys fetched for a signature that is not, every 5 s at most', async () => {
    const time = jumpingTime();
    const { verifier, server } = await open();
    const forged = compact({ alg: 'ES256', kid: 'ours' }, claims, signAsAttacker);
    await expectRefused(verifier, forged, 'key_unknown');
    expect(server.requests()).toBe(1);
    time.advance(5_000);
    await expectRefused(verifier, forged);
    expect(server.requests()).toBe(2);
  });

  it('may be left out while one key fits, and when several do', async () => {
    const token = compact({ alg: 'ES256' }, claims, sign);
    const { verify } = (await open()).verifier;
    expect(await verify(token, NOW)).toMatchObject({ userId: 'alice' });
    const { verifier } = await open(newKeys('ES256', 'second').publicJwk);
    expect(await verifier.verify(token, NOW)).toMatchObject({ userId: 'alice' });
  });

  it('may be left out where a key replaces another: it is fetched for its first JWT, every 5 s at most', async () => {
    const time = jumpingTime();
    const bare = ({ kid: _kid, ...jwk }: Record<string, unknown>) => jwk;
    const server = await openJwksServer(keySet(bare(ours.publicJwk)));
    const verifier = await openVerifier({ ...OURS, jwksUrl: server.url });
    const byOurs = compact({ alg: 'ES256' }, claims, sign);
    const byNext = compact({ alg: 'ES256' }, claims, signAsAttacker);
    expect(await verifier.verify(byOurs, NOW)).toMatchObject({ userId: 'alice' });
    await expectRefused(verifier, byNext, 'key_unknown');
    expect(server.requests()).toBe(1);
    server.answer = keySet(bare(attacker.publicJwk));
    time.advance(5_000);
    expect(await verifier.verify(byNext, NOW)).toMatchObject({ userId: 'alice' });
    await expectRefused(verifier, byOurs);
    expect(server.requests()).toBe(2);
  });

  it('beside a pointer to other keys leads to ours alone: the pointer is not followed', async () => {
    let connections = 0;
    const canary = createServer(keySet(attacker.publicJwk));
    canary.on('connection', () => void connections++);
    const listening = Promise.withResolvers<void>();
    canary.listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    onTestFinished(() => void canary.close());
    const url = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/jwks`;
    const { verifier } = await open();
    for (const pointer of [{ jku: url }, { x5u: url }]) {
      const head = { alg: 'ES256', kid: 'ours', ...pointer };
      await expectRefused(verifier, compact(head, older, signAsAttacker));
    }
    expect(connections).toBe(0);
  });

  it('of a symmetric key in the set lets nobody sign with the published set', async () => {
    const k = Buffer.alloc(32, 7);
    const oct = { kty: 'oct', kid: 'oct', alg: 'HS256', k: k.toString('base64url') };
    const { verifier } = await open(oct);
    await expectRefused(verifier, compact({ alg: 'HS256', kid: 'oct' }, claims, hmac(k)));
  });

  it('of a key for encryption vouches for nobody', async () => {
    const keys = newKeys('ES256', 'enc');
    const { verifier } = await open({ ...keys.publicJwk, use: 'enc' });
    const byEncryptionKey = signer(keys.privateKey, 'ES256');
    await expectRefused(verifier, compact({ alg: 'ES256', kid: 'enc' }, older, byEncryptionKey));
  });
});
