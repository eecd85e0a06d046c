import { describe, expect, it } from 'vitest';
import { providerSchema } from '../../src/auth/provider.ts';
import { isSafeUrl } from '../../src/auth/provider-keys.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac } from '../support/compact.ts';
import { rejectionOf } from '../support/errors.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const OURS = { issuer: 'us', audience: 'video' };
const MAX_BYTES = 12_288;

/** A good JWT of exactly this many bytes. */
function ofBytes(bytes: number): string {
  for (let filler = bytes; filler > 0; filler--) {
    for (const typ of ['', 'x', 'xx']) {
      const claims = { ...CLAIMS, ...OURS, iss: 'us', filler: 'x'.repeat(filler) };
      if ((filler * 4) / 3 > bytes) break;
      const token = compact({ alg: 'HS256', typ }, claims, hmac(JWT_SECRET));
      if (token.length === bytes) return token;
    }
  }
  throw new Error('no filler fits');
}

describe('a verifier', () => {
  it('of a shared secret is healthy and usable', async () => {
    const verifier = await openVerifier({ secret: JWT_SECRET });
    expect([verifier.healthy(), verifier.usable()]).toEqual([true, true]);
  });

  it('of several providers is so when all are', async () => {
    const down = await openJwksServer((_request, response) => response.writeHead(500).end());
    const up = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const of = (jwksUrl: string, issuer: string) => ({ ...OURS, issuer, jwksUrl });
    const both = await openVerifier(of(up.url, 'us'), of(down.url, 'them'));
    expect([both.healthy(), both.usable()]).toEqual([false, false]);
    const good = await openVerifier(of(up.url, 'us'));
    expect([good.healthy(), good.usable()]).toEqual([true, true]);
  });

  it('that is closed fetches no more keys', async () => {
    const time = jumpingTime();
    const server = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const verifier = await openVerifier({ ...OURS, jwksUrl: server.url });
    verifier.close();
    time.advance(10_000_000);
    await fetch(server.url);
    expect(server.requests()).toBe(2);
  });

  it('reports how many seconds a check took', async () => {
    const time = jumpingTime();
    time.advance(10_000_000);
    const { verify, events } = await openVerifier({ secret: JWT_SECRET });
    await verify(compact({ alg: 'HS256' }, CLAIMS, hmac(JWT_SECRET)), NOW);
    const [, seconds] = events.find(([name]) => name === 'verified') ?? [];
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(5);
  });

  it('tells the log what cryptography had against a credential', async () => {
    const { verify } = await openVerifier({ secret: JWT_SECRET });
    const forged = compact({ alg: 'HS256' }, CLAIMS, hmac('another secret, of more than 32 bytes'));
    expect(await rejectionOf(verify(forged, NOW))).toMatchObject({
      cause: { code: 'signature' },
    });
  });

  it('takes 12 kB and no byte more, with one provider or with several', async () => {
    const ours = { issuer: 'us', secret: JWT_SECRET };
    const theirs = { issuer: 'them', secret: JWT_SECRET };
    for (const verifier of [await openVerifier(ours), await openVerifier(ours, theirs)]) {
      expect(await verifier.verify(ofBytes(MAX_BYTES), NOW)).toMatchObject({ userId: 'alice' });
      await expectRefused(verifier, ofBytes(MAX_BYTES + 1));
    }
  });
});

describe('a configuration', () => {
  it.each(['https://:secret@host/', 'https://user@host/'])('with %s is refused', (url) => {
    expect(isSafeUrl(url)).toBe(false);
  });

  it('may have white space before a JWK', () => {
    const publicKey = ` \n${JSON.stringify(newKeys('ES256').publicJwk)}`;
    expect(providerSchema.parse({ publicKey }).keys).toMatchObject([{ algorithms: ['ES256'] }]);
  });
});
