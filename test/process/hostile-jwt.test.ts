import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY } from '../support/ask.ts';
import { JWT_SECRET, signFreshJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { type Service, startService } from '../support/service.ts';

const seconds = () => Math.floor(Date.now() / 1000);
const HOUR = 3600;

async function present({ origin }: Service, jwt: string) {
  const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' };
  const asked = { method: 'POST', headers, body: JSON.stringify(BODY) };
  const response = await fetch(`${origin}/video-token`, asked);
  const answer = Object.fromEntries(response.headers);
  return { status: response.status, headers: answer, body: await response.json() };
}

function encode(part: unknown): string {
  const bytes =
    part instanceof Uint8Array || typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(bytes).toString('base64url');
}

/** A JWT of any header and payload, signed with `secret` as HS256 would. */
function forge(header: unknown, payload: unknown, secret: string | Buffer = JWT_SECRET): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const HS256 = { alg: 'HS256' };
const alice = (more: object = {}) => ({ sub: 'alice', exp: seconds() + HOUR, ...more });

describe('with a shared secret', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
    return service.stop;
  });
  afterAll(() => {
    expect(service.decisions().map(({ code }) => code)).not.toContain('internal_error');
  });

  it('the forger of these tests can make a good one', async () => {
    expect((await present(service, forge(HS256, alice()))).status).toBe(200);
  });

  it.each<[string, () => string]>([
    ['alg none', () => `${encode({ alg: 'none' })}.${encode(alice())}.`],
    ['no alg', () => forge({}, alice())],
    ['an alg of another family', () => forge({ alg: 'RS256' }, alice())],
    ['an unknown crit', () => forge({ ...HS256, crit: ['x'], x: 1 }, alice())],
    ['an empty crit', () => forge({ ...HS256, crit: [] }, alice())],
    ['b64 false', () => forge({ ...HS256, b64: false, crit: ['b64'] }, alice())],
    ['an empty key', () => forge(HS256, alice(), '')],
    ['another key', () => forge(HS256, alice(), 'another secret of more than 32 bytes')],
    ['no exp', () => forge(HS256, { sub: 'alice' })],
    ['a string for exp', () => forge(HS256, alice({ exp: '9999999999' }))],
    ['null for exp', () => forge(HS256, alice({ exp: null }))],
    ['exp 1e300', () => forge(HS256, '{"sub":"alice","exp":1e300}')],
    ['exp 1e400', () => forge(HS256, '{"sub":"alice","exp":1e400}')],
    ['nbf in the future', () => forge(HS256, alice({ nbf: seconds() + 60 }))],
    ['iat in the future', () => forge(HS256, alice({ iat: seconds() + 60 }))],
    ['a string for iat', () => forge(HS256, alice({ iat: '1' }))],
    ['no user', () => forge(HS256, { exp: seconds() + HOUR })],
    ['a number for the user', () => forge(HS256, alice({ sub: 1 }))],
    ['an object for the user', () => forge(HS256, alice({ sub: { toString: 'alice' } }))],
    ['an empty user', () => forge(HS256, alice({ sub: '' }))],
    ['a user with a NUL', () => forge(HS256, alice({ sub: 'alice\0' }))],
    ['a lone surrogate', () => forge(HS256, `{"sub":"\\ud800","exp":${seconds() + HOUR}}`)],
    ['a user by __proto__', () => forge(HS256, `{"__proto__":{"sub":"alice"},"exp":9999999999}`)],
    ['a list for the payload', () => forge(HS256, [alice()])],
    ['no JSON', () => forge(HS256, 'alice')],
    ['bad UTF-8', () => forge(HS256, Buffer.from('{"sub":"\xff","exp":9999999999}', 'latin1'))],
    ['two parts', () => forge(HS256, alice()).split('.').slice(0, 2).join('.')],
    ['four parts', () => `${forge(HS256, alice())}.a`],
    ['padding', () => `${forge(HS256, alice())}=`],
    ['over 12 kB', () => forge(HS256, alice({ more: 'x'.repeat(9_300) }))],
    ['a changed payload', () => changePayload(forge(HS256, alice({ sub: 'bob' })))],
    ['other spare bits', () => flipSpareBits(forge(HS256, alice()))],
  ])('%s is 401 credential_invalid', async (_what, make) => {
    expectProblem(await present(service, make()), 401, 'credential_invalid', 'sign_in');
  });

  it('spare bits make no difference after the good one is known', async () => {
    const good = forge(HS256, alice());
    expect((await present(service, good)).status).toBe(200);
    const answer = await present(service, flipSpareBits(good));
    expectProblem(answer, 401, 'credential_invalid', 'sign_in');
  });

  it.each([
    ['of 63 bytes is only unknown', 'a'.repeat(63), undefined],
    ['of 64 bytes is refused as ZEGO would', 'a'.repeat(64), 'user_id_refused_by_zego'],
    ['of Auth0 is refused as ZEGO would', 'auth0|5f7c', 'user_id_refused_by_zego'],
  ])('a user %s', async (_what, sub, reason) => {
    const answer = await present(service, forge(HS256, alice({ sub })));
    expectProblem(answer, 403, 'user_not_allowed', 'contact_support');
    const id = answer.headers['x-request-id'];
    const decision = await service.line((line) => line.requestId === id);
    expect(decision.reason).toBe(reason);
  });

  it('one that expires now is 401 credential_expired', async () => {
    const answer = await present(service, await signFreshJwt({ exp: seconds() }));
    expectProblem(answer, 401, 'credential_expired', 'sign_in');
  });

  it('of two claims of one name the last one counts, in the token too', async () => {
    const twice = forge(HS256, `{"sub":"bob","exp":${seconds() + HOUR},"sub":"alice"}`);
    const { status, headers } = await present(service, twice);
    expect(status).toBe(200);
    const decision = await service.line((line) => line.requestId === headers['x-request-id']);
    expect(decision).toMatchObject({ userId: 'alice' });
  });

  it.each(['jku', 'x5u'])('nobody follows %s', async (name) => {
    let connections = 0;
    const canary = createServer((_request, response) => response.end('{"keys":[]}'));
    canary.on('connection', () => connections++);
    await once(canary.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/jwks`;
    const jwt = forge({ ...HS256, [name]: url }, alice(), 'an attacker with a key of their own');
    expectProblem(await present(service, jwt), 401, 'credential_invalid', 'sign_in');
    canary.close();
    expect(connections).toBe(0);
  });

  it.each(['../../../../dev/null', "' OR 1=1", 'k'.repeat(4_000), { a: 1 }])(
    'a kid of %j opens nothing',
    async (kid) => {
      const jwt = forge({ ...HS256, kid }, alice(), '');
      expectProblem(await present(service, jwt), 401, 'credential_invalid', 'sign_in');
    },
  );
});

describe('with a public key', () => {
  let service: Service;
  let pem: string;
  let sign: (claims?: object) => Promise<string>;
  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    pem = await exportSPKI(publicKey);
    sign = (claims) =>
      new SignJWT(alice(claims)).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    service = await startService({
      AUTH_JWT_SECRET: '',
      AUTH_JWT_PUBLIC_KEY: pem,
      AUTH_ISSUER: 'https://login.example',
      AUTH_AUDIENCE: 'films',
    });
    return service.stop;
  });

  const ours = { iss: 'https://login.example', aud: 'films' };

  it('one of the private key is good, and the audience may be one of several', async () => {
    expect((await present(service, await sign(ours))).status).toBe(200);
    const several = await sign({ ...ours, aud: ['other', 'films'] });
    expect((await present(service, several)).status).toBe(200);
  });

  it.each([
    ['another issuer', { ...ours, iss: 'https://evil.example' }],
    ['a list of issuers', { ...ours, iss: ['https://login.example'] }],
    ['another audience', { ...ours, aud: 'other' }],
    ['an object for the audience', { ...ours, aud: { films: 1 } }],
    ['no audience', { iss: ours.iss }],
  ])('%s is 401 credential_invalid', async (_what, claims) => {
    const answer = await present(service, await sign(claims));
    expectProblem(answer, 401, 'credential_invalid', 'sign_in');
  });

  it('the public key is no secret of HS256, however it is written', async () => {
    for (const key of [pem, pem.trim(), ` ${pem}`, `\n${pem}`, pem.replaceAll('\n', '\r\n')]) {
      const answer = await present(service, forge(HS256, alice(ours), key));
      expectProblem(answer, 401, 'credential_invalid', 'sign_in');
    }
  });

  it('a key that the token brings along vouches for nothing', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const header = { alg: 'ES256', jwk: await exportJWK(publicKey) };
    const jwt = await new SignJWT(alice(ours)).setProtectedHeader(header).sign(privateKey);
    expectProblem(await present(service, jwt), 401, 'credential_invalid', 'sign_in');
  });
});

function changePayload(jwt: string): string {
  const [header, , signature] = jwt.split('.');
  return [header, encode(alice()), signature].join('.');
}

/** The same signature for a tolerant decoder: the last character has bits that say nothing. */
function flipSpareBits(jwt: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(jwt.at(-1) ?? '');
  return jwt.slice(0, -1) + alphabet[last ^ 1];
}
