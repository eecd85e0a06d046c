import { setImmediate as nextIteration } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { isSafeUrl } from '../../src/config/identity/provider-keys.ts';
import { DIRECT } from '../../src/config/outbound.ts';
import type { ServiceError } from '../../src/errors.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer } from '../support/compact.ts';
import { rejectionOf } from '../support/errors.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectReason, expectRefused, openVerifier } from '../support/verifier.ts';

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
  it('of a shared secret is healthy', async () => {
    const verifier = await openVerifier({ secret: JWT_SECRET });
    expect(verifier.healthy()).toBe(true);
  });

  it('of several providers is so when all are', async () => {
    const down = await openJwksServer((_request, response) => response.writeHead(500).end());
    const up = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const of = (jwksUrl: string, issuer: string) => ({ ...OURS, issuer, jwksUrl });
    const both = await openVerifier(of(up.url, 'us'), of(down.url, 'them'));
    expect(both.healthy()).toBe(false);
    const good = await openVerifier(of(up.url, 'us'));
    expect(good.healthy()).toBe(true);
  });

  it('of a provider with two key sets is healthy when both are', async () => {
    const up = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const down = await openJwksServer((_request, response) => response.writeHead(500).end());
    const of = (second: string) => ({
      issuer: 'us',
      audience: 'video',
      keys: [
        { jwksUrl: up.url, algorithms: ['ES256'] },
        { jwksUrl: second, algorithms: ['RS256'] },
      ],
    });
    expect((await openVerifier(of(down.url))).healthy()).toBe(false);
    const rsa = await openJwksServer(keySet(newKeys('RS256', 'r').publicJwk));
    expect((await openVerifier(of(rsa.url))).healthy()).toBe(true);
  });

  it('that is closed fetches no more keys', async () => {
    const time = jumpingTime();
    const server = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const verifier = await openVerifier({ ...OURS, jwksUrl: server.url });
    const fetches = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => fetches.mockRestore());
    verifier.close();
    time.advance(10_000_000);
    // A fetch begins in the microtasks after its timer.
    await nextIteration();
    expect(fetches).not.toHaveBeenCalled();
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
      extras: { reason: { code: 'signature' } },
    });
  });

  it('reports how far the clock is ahead of that of a provider', async () => {
    const { url } = await openJwksServer(keySet(newKeys('ES256', 'k').publicJwk));
    const compared: unknown[][] = [];
    const events = {
      cache() {},
      verified() {},
      jwksFetched() {},
      clockCompared: (...clock: unknown[]) => void compared.push(clock),
    };
    const providers = [providerSchema.parse({ ...OURS, jwksUrl: url })];
    onTestFinished((await createVerifier(providers, events)).close);
    expect(compared).toEqual([['us', expect.any(Number)]]);
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

describe('the reason of a refusal', () => {
  const key = hmac(JWT_SECRET);
  const [first = '', second = '', third = ''] = compact({ alg: 'HS256' }, CLAIMS, key).split('.');
  const HEADER = 'a header with alg, kid as text, and no crit or b64';

  it.each<[string, string, { code: string; expected: string; received?: string }]>([
    [
      'a JWT that is too long',
      ofBytes(MAX_BYTES + 1),
      { code: 'too_long', expected: 'at most 12288 bytes' },
    ],
    [
      'two parts',
      `${first}.${second}`,
      { code: 'not_jwt', expected: 'three parts in base64url without padding' },
    ],
    [
      'a padded signature',
      `${first}.${second}.${third}=`,
      { code: 'not_jwt', expected: 'three parts in base64url without padding' },
    ],
    ['a header that is no JSON', compact('{', CLAIMS, key), { code: 'header', expected: HEADER }],
    [
      'a header with crit',
      compact({ alg: 'HS256', crit: ['exp'] }, CLAIMS, key),
      { code: 'header', expected: HEADER },
    ],
    [
      'claims that are no JSON',
      compact({ alg: 'HS256' }, '{', key),
      { code: 'claims', expected: 'JSON in UTF-8' },
    ],
    [
      'claims behind a byte order mark',
      compact({ alg: 'HS256' }, `\ufeff${JSON.stringify(CLAIMS)}`, key),
      { code: 'claims', expected: 'JSON in UTF-8' },
    ],
    [
      'an algorithm that is not taken',
      compact({ alg: 'HS512' }, CLAIMS, hmac(JWT_SECRET, 512)),
      { code: 'alg_not_allowed', expected: 'HS256 or HS384', received: 'HS512' },
    ],
    [
      'an algorithm of thirty letters',
      compact({ alg: 'x'.repeat(30) }, CLAIMS, key),
      { code: 'alg_not_allowed', expected: 'HS256 or HS384', received: 'x'.repeat(20) },
    ],
  ])('is told to the log: %s', async (_, token, reason) => {
    const verifier = await openVerifier({ secret: JWT_SECRET, algorithms: ['HS256', 'HS384'] });
    const error = await rejectionOf(verifier.verify(token, NOW));
    expect((error as ServiceError).extras.reason).toStrictEqual(reason);
  });

  it('is told to the log: an issuer of no provider', async () => {
    const of = (issuer: string) => ({ issuer, secret: JWT_SECRET });
    const verifier = await openVerifier(of('us'), of('them'));
    const reason = { code: 'issuer_unknown', expected: 'the issuer of a provider' };
    for (const iss of ['others', undefined, '']) {
      const token = compact({ alg: 'HS256' }, { ...CLAIMS, iss }, key);
      await expectReason(verifier, token, reason);
    }
  });

  it('is told to the log: a key that is not there, and two of one id', async () => {
    const keys = newKeys('ES256', 'twice');
    const { url } = await openJwksServer(
      keySet(keys.publicJwk, newKeys('ES256', 'twice').publicJwk),
    );
    const time = jumpingTime();
    // A fetch that a machine under load does not answer in 2 s would leave the key unknown.
    const patient = { ...DIRECT, timeoutMs: 10_000 };
    const provider = providerSchema.parse({ ...OURS, jwksUrl: url });
    const silent = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
    const verifier = await createVerifier([provider], silent, undefined, patient);
    onTestFinished(verifier.close);
    const tokenOf = (kid: string) => {
      const claims = { ...CLAIMS, iss: 'us', aud: 'video' };
      return compact({ alg: 'ES256', kid }, claims, signer(keys.privateKey, 'ES256'));
    };
    const received = 'different keys with this kid';
    const twice = { code: 'key_unusable', expected: 'one key', received };
    await expectReason(verifier, tokenOf('twice'), twice);
    time.advance(5_000);
    await expectReason(verifier, tokenOf('none'), { code: 'key_not_in_set' });
  });
});

describe('a configuration', () => {
  it.each(['https://:secret@host/', 'https://user@host/', 'https://user:12#3@host/'])(
    'with %s is refused',
    (url) => {
      expect(isSafeUrl(url)).toBe(false);
    },
  );

  it('has its addresses in the clear on loopback alone, unless that is allowed', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      expect(isSafeUrl(`http://${host}/`)).toBe(true);
    }
    expect(isSafeUrl('http://login.example/')).toBe(false);
    expect(isSafeUrl('http://login.example/', true)).toBe(true);
    expect(isSafeUrl('ftp://localhost/', true)).toBe(false);
  });

  it('may have a public key on one line', () => {
    const publicKey = newKeys('ES256').publicPem.replaceAll('\n', '\\n');
    expect(providerSchema.parse({ publicKey }).keys).toMatchObject([{ algorithms: ['ES256'] }]);
  });

  it('may have white space before a JWK', () => {
    const publicKey = ` \n${JSON.stringify(newKeys('ES256').publicJwk)}`;
    expect(providerSchema.parse({ publicKey }).keys).toMatchObject([{ algorithms: ['ES256'] }]);
  });
});
