import { describe, expect, it } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const SECRET = 'secret-of-a-with-at-least-32-bytes';
const NEW_SECRET = 'another-of-a-with-at-least-32-bytes';
const A = { issuer: 'https://a.example', secret: SECRET, userPrefix: '' };
const b = newKeys('ES256', 'key-of-b');

const ofA = (secret = SECRET) =>
  compact({ alg: 'HS256' }, { ...CLAIMS, iss: A.issuer }, hmac(secret));
const ofB = compact(
  { alg: 'ES256', kid: 'key-of-b' },
  { ...CLAIMS, iss: 'https://b.example', aud: 'video' },
  signer(b.privateKey, 'ES256'),
);

async function open() {
  const server = await openJwksServer(keySet(b.publicJwk));
  const B = providerB(server.url);
  return { server, B, verifier: await openVerifier(A, B) };
}

function providerB(jwksUrl: string, issuer = 'https://b.example') {
  return { issuer, jwksUrl, audience: 'video', userPrefix: '' };
}

const NOBODY = 'http://127.0.0.1:1/jwks';

describe('providers that are replaced', () => {
  it('keep the keys of those that stay, also while they cannot be fetched', async () => {
    const { server, B, verifier } = await open();
    await server.stop();
    await verifier.reload({ ...A, secret: NEW_SECRET }, B);
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ issuer: B.issuer });
    expect(await verifier.verify(ofA(NEW_SECRET), NOW)).toMatchObject({ issuer: A.issuer });
    await expectRefused(verifier, ofA());
    expect(server.requests()).toBe(1);
  });

  it('forget those that are taken away, though another cannot be reached', async () => {
    const { server, B, verifier } = await open();
    await verifier.verify(ofA(), NOW);
    await server.stop();
    await verifier.reload(B, providerB(NOBODY, 'https://c.example'));
    await expectRefused(verifier, ofA());
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ issuer: B.issuer });
  });

  it('keep a key set that is configured otherwise', async () => {
    const { server, verifier } = await open();
    await server.stop();
    await verifier.reload({ ...providerB(server.url), userPrefix: 'b-' });
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ userId: 'b-alice' });
  });

  it('use the key set of before while another one cannot be fetched, and nothing else of before', async () => {
    const time = jumpingTime();
    const { server, verifier } = await open();
    const down = await openJwksServer((_request, response) => response.writeHead(500).end());
    const moved = { ...providerB(down.url), userPrefix: 'b-' };
    const C = providerB(server.url, 'https://c.example');
    await expect(verifier.reload(moved, C)).rejects.toThrow(
      'cannot fetch new keys of a provider; keeping the current ones',
    );
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ userId: 'b-alice' });
    await expectRefused(verifier, ofA());
    const fetched = verifier.nextFetch();
    time.advance(54_000);
    await fetched;
    expect([server.requests(), down.requests()]).toEqual([2, 1]);
    down.answer = keySet(b.publicJwk);
    await verifier.reload(moved);
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ userId: 'b-alice' });
    expect([server.requests(), down.requests()]).toEqual([2, 2]);
  });

  it('use none of before for algorithms that are not listed any more', async () => {
    const { verifier } = await open();
    await verifier.reload({ ...providerB(NOBODY), algorithms: ['RS256'] });
    await expectRefused(verifier, ofB);
  });

  it('use no key of before that was given by itself: it may be the one that leaked', async () => {
    const B = { issuer: 'https://b.example', audience: 'video', userPrefix: '' };
    const verifier = await openVerifier({ ...B, publicKey: b.publicPem });
    expect(await verifier.verify(ofB, NOW)).toMatchObject({ issuer: B.issuer });
    await verifier.reload({ ...B, jwksUrl: NOBODY });
    await expectRefused(verifier, ofB, 'dependency_unavailable');
  });

  it('use no key set of before for a key that is given by itself', async () => {
    const server = await openJwksServer(keySet(b.publicJwk));
    const { jwksUrl, ...B } = providerB(server.url);
    const verifier = await openVerifier({ ...B, jwksUrl, algorithms: ['ES256'] });
    await verifier.reload({ ...B, publicKey: newKeys('ES256').publicPem });
    await expectRefused(verifier, ofB);
  });

  it('have nothing to keep where the key set of before was not fetched either', async () => {
    const down = await openJwksServer((_request, response) => response.writeHead(500).end());
    const verifier = await openVerifier(providerB(down.url));
    await verifier.reload(providerB(NOBODY));
    await expectRefused(verifier, ofB, 'dependency_unavailable');
  });

  it('keep the key set of before when one of several tenants is taken away as well', async () => {
    const tenants = [
      '11111111-1111-1111-1111-111111111111',
      '22222222-2222-2222-2222-222222222222',
    ];
    const server = await openJwksServer(keySet(b.publicJwk));
    const entra = { provider: 'entra:organizations', audience: 'video', algorithms: ['ES256'] };
    const verifier = await openVerifier({ ...entra, tenants, jwksUrl: server.url });
    for (const left of [tenants.slice(1), tenants]) {
      const moved = { ...entra, tenants: left, jwksUrl: NOBODY };
      await expect(verifier.reload(moved)).rejects.toThrow('cannot fetch new keys');
    }
  });

  it('may have a key set more that cannot be fetched', async () => {
    const { verifier } = await open();
    const { secret, ...rest } = A;
    const keys = [{ secret }, { jwksUrl: NOBODY, algorithms: ['ES256'] }];
    await verifier.reload({ ...rest, audience: 'video', keys });
    const ofAudience = compact(
      { alg: 'HS256' },
      { ...CLAIMS, iss: A.issuer, aud: 'video' },
      hmac(SECRET),
    );
    expect(await verifier.verify(ofAudience, NOW)).toMatchObject({ issuer: A.issuer });
  });

  it('are no longer fetched once they are taken away', async () => {
    const time = jumpingTime();
    const { server, B, verifier } = await open();
    const other = await openJwksServer(keySet(newKeys('ES256', 'c').publicJwk));
    await verifier.reload(B, providerB(other.url, 'https://c.example'));
    await verifier.reload(B);
    const fetched = verifier.nextFetch();
    time.advance(54_000);
    await fetched;
    expect([server.requests(), other.requests()]).toEqual([2, 1]);
  });
});
