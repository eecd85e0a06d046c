import { describe, expect, it } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, type Signer, signer } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const SECRET_A = 'secret-of-a-with-at-least-32-bytes';
const SECRET_B = 'secret-of-b-with-at-least-32-bytes';
const rsa = newKeys('RS256');
const ec = newKeys('ES256', 'key-of-d');

const A = { issuer: 'https://a.example', secret: SECRET_A, userPrefix: 'a|' };
const B = { issuer: 'https://b.example', secret: SECRET_B, userPrefix: 'b|' };
const C = { issuer: 'https://c.example', publicKey: rsa.publicPem, userPrefix: '', audience: 'c' };

/** A token that says that it is of `issuer`, signed by anyone. */
function token(issuer: unknown, alg: string, sign: Signer, more: object = {}): string {
  return compact({ alg, kid: 'key-of-d' }, { ...CLAIMS, iss: issuer, ...more }, sign);
}

async function open() {
  const server = await openJwksServer(keySet(ec.publicJwk));
  const D = {
    issuer: 'https://d.example',
    jwksUrl: server.url,
    audience: 'd',
    userPrefix: 'd|',
    userClaim: 'email',
  };
  return openVerifier(A, B, C, D);
}

const signA = hmac(SECRET_A);
const signB = hmac(SECRET_B);
const signC = signer(rsa.privateKey, 'RS256');
const signD = signer(ec.privateKey, 'ES256');

describe('with several providers', () => {
  it('each vouches for its own users, under its own prefix and claim', async () => {
    const { verify } = await open();
    const users = [
      token(A.issuer, 'HS256', signA),
      token(B.issuer, 'HS256', signB),
      token(C.issuer, 'RS256', signC, { aud: 'c' }),
      token('https://d.example', 'ES256', signD, { aud: 'd', email: 'alice@d.example' }),
    ].map(async (jwt) => {
      const { userId, issuer } = await verify(jwt, NOW);
      return [userId, issuer];
    });
    expect(await Promise.all(users)).toEqual([
      ['a|alice', A.issuer],
      ['b|alice', B.issuer],
      ['alice', C.issuer],
      ['d|alice@d.example', 'https://d.example'],
    ]);
  });

  it("another provider's key under our issuer's name is refused, and the reverse", async () => {
    const verifier = await open();
    const issuers = { a: A.issuer, b: B.issuer, c: C.issuer, d: 'https://d.example' };
    const signers = { a: signA, b: signB, c: signC, d: signD };
    const algorithms = { a: 'HS256', b: 'HS256', c: 'RS256', d: 'ES256' };
    const names = ['a', 'b', 'c', 'd'] as const;
    for (const name of names) {
      for (const other of names.filter((each) => each !== name)) {
        const more = { aud: ['c', 'd'], email: 'alice', iat: NOW - 60 };
        await expectRefused(
          verifier,
          token(issuers[name], algorithms[other], signers[other], more),
        );
      }
    }
  });

  it('the audience of one is not that of another', async () => {
    const verifier = await open();
    await expectRefused(verifier, token(C.issuer, 'RS256', signC, { aud: 'd' }));
    await expectRefused(verifier, token(C.issuer, 'RS256', signC));
  });

  it.each([
    ['unknown', 'https://evil.example'],
    ['missing', undefined],
    ['null', null],
    ['empty', ''],
    ['a list of ours', [A.issuer]],
    ['an object', { a: A.issuer }],
    ['ours with a slash', `${A.issuer}/`],
    ['ours in capitals', A.issuer.toUpperCase()],
    ['inherited', 'constructor'],
  ])('an issuer that is %s is refused', async (_name, issuer) => {
    const verifier = await open();
    await expectRefused(verifier, token(issuer, 'HS256', signA));
    await expectRefused(verifier, token(issuer, 'HS256', hmac('')));
  });

  it('an issuer that appears twice is the last one for choosing and for checking', async () => {
    const verifier = await open();
    const both = `{"iss":"${A.issuer}","sub":"alice","exp":${CLAIMS.exp},"iss":"${B.issuer}"}`;
    const { verify } = verifier;
    expect(await verify(compact({ alg: 'HS256' }, both, signB), NOW)).toMatchObject({
      userId: 'b|alice',
    });
    await expectRefused(verifier, compact({ alg: 'HS256' }, both, signA));
  });

  it('one that is down takes nobody with it', async () => {
    const server = await openJwksServer((_request, response) => response.writeHead(500).end());
    const jwks = { issuer: 'https://d.example', jwksUrl: server.url, audience: 'd' };
    const verifier = await openVerifier(A, jwks);
    expect(verifier.healthy()).toBe(false);
    const { verify } = verifier;
    expect(await verify(token(A.issuer, 'HS256', signA), NOW)).toMatchObject({
      userId: 'a|alice',
    });
    const theirs = token(jwks.issuer, 'ES256', signD, { aud: 'd' });
    await expectRefused(verifier, theirs, 'dependency_unavailable');
  });

  it('all is well while each has keys, be they its own text or fetched', async () => {
    const verifier = await open();
    expect(verifier.healthy()).toBe(true);
  });

  it('one whose last fetch failed is not well, and its keys of before go on', async () => {
    const time = jumpingTime();
    const server = await openJwksServer(keySet(ec.publicJwk));
    const jwks = { issuer: 'https://d.example', jwksUrl: server.url, audience: 'd' };
    const verifier = await openVerifier(A, jwks);
    await server.stop();
    time.advance(30_000);
    const stranger = compact(
      { alg: 'ES256', kid: 'unknown' },
      { ...CLAIMS, iss: jwks.issuer, aud: 'd' },
      signD,
    );
    await expectRefused(verifier, stranger, 'key_unknown');
    expect(verifier.healthy()).toBe(false);
    const { verify } = verifier;
    const known = token(jwks.issuer, 'ES256', signD, { aud: 'd' });
    expect(await verify(known, NOW)).toMatchObject({ issuer: jwks.issuer });
  });

  it('of which there is none, everyone is refused', async () => {
    await expectRefused(await openVerifier(), token(A.issuer, 'HS256', signA));
  });
});
