import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { ServiceError } from '../../src/errors.ts';
import { createJwksLog, createKeysSkippedLog } from '../../src/ops/notices.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, signer } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { openVerifier } from '../support/verifier.ts';

const OURS = { issuer: 'https://login.example', audience: 'films' };
const claims = { ...CLAIMS, iss: OURS.issuer, aud: OURS.audience };
const ec = newKeys('ES256', 'ec');
const ec2 = newKeys('ES256', 'ec2');
const rsa = newKeys('RS256', 'rsa');
const byEc = signer(ec.privateKey, 'ES256');
const good = compact({ alg: 'ES256', kid: 'ec' }, claims, byEc);
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
  format: 'jwk',
});
const oct = { kty: 'oct', kid: 'o', alg: 'HS256', k: Buffer.alloc(32, 7).toString('base64url') };

/** What a client gets: `200`, or the code of the refusal. */
async function outcomeOf(verifying: unknown): Promise<string> {
  const code = (error: unknown) => (error instanceof ServiceError ? error.code : String(error));
  return Promise.resolve(verifying).then(() => '200', code);
}

/** A verifier that logs and counts as the service does. */
async function openLogged(jwksUrl: string) {
  const lines: { msg: string; reason?: string; skipped?: string[] }[] = [];
  const logger = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  const metric: string[] = [];
  const provider = providerSchema.parse({ ...OURS, jwksUrl });
  const verifier = await createVerifier([provider], {
    cache() {},
    verified() {},
    clockCompared() {},
    jwksFetched: createJwksLog(logger, (_issuer, result) => void metric.push(result)),
    keysSkipped: createKeysSkippedLog(logger),
  });
  return { ...verifier, lines, metric };
}

describe('an entry of a key set', () => {
  const { kty: _kty, ...withoutType } = ec2.publicJwk;
  const { x: _x, ...withoutX } = ec2.publicJwk;

  it.each<[string, unknown, string | undefined]>([
    ['null', null, 'not an object'],
    ['a text', 'key', 'not an object'],
    ['a number', 7, 'not an object'],
    ['a list', [ec2.publicJwk], 'not an object'],
    ['an empty object', {}, 'no kty'],
    ['a key without kty', withoutType, 'no kty'],
    ['a kty that is a number', { ...ec2.publicJwk, kty: 7 }, 'no kty'],
    ['an unknown kty', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'x' }, 'an unknown type or curve'],
    ['an unknown curve', { ...ec2.publicJwk, crv: 'secp256k1' }, 'an unknown type or curve'],
    ['a curve for encryption', { kty: 'OKP', crv: 'X25519', x: 'x' }, 'an unknown type or curve'],
    ['Ed448', { kty: 'OKP', crv: 'Ed448', x: 'x' }, 'an unknown type or curve'],
    ['__proto__ as kty', { kty: '__proto__' }, 'an unknown type or curve'],
    ['a key without a coordinate', withoutX, 'not a key'],
    ['a point that is not on the curve', { ...ec2.publicJwk, x: ec2.publicJwk.y }, 'not a key'],
    ['a coordinate that is a number', { ...ec2.publicJwk, x: 1 }, 'not a key'],
    ['a short RSA key', { ...weak, kid: 'w' }, 'an RSA key of less than 2048 bits'],
    ['a kid that is a number', { ...ec2.publicJwk, kid: 7 }, 'a kid that is no text'],
    ['an issuer that is a list', { ...ec2.publicJwk, issuer: [] }, 'an issuer that is no text'],
    ['a symmetric key', oct, 'a symmetric key'],
    ['a private key', ec2.privateJwk, 'a private key'],
    ['a key for encryption', { ...ec2.publicJwk, use: 'enc' }, undefined],
    ['a key of another algorithm', { ...ec2.publicJwk, alg: 'ECDH-ES' }, undefined],
    ['a key for nothing', { ...ec2.publicJwk, key_ops: [] }, undefined],
  ])('that is %s is skipped, and the others verify', async (_what, entry, reason) => {
    const server = await openJwksServer(keySet(entry as object, ec.publicJwk));
    const { verify, healthy, lines, metric, close } = await openLogged(server.url);
    expect(await outcomeOf(verify(good, NOW))).toBe('200');
    expect([healthy(), metric]).toEqual([true, ['ok']]);
    const skipped = lines.flatMap((line) =>
      line.msg === 'jwks entries skipped' ? line.skipped : [],
    );
    expect(skipped).toEqual(reason === undefined ? [] : [`keys[0]: ${reason}`]);
    const bySkipped = compact(
      { alg: 'ES256', kid: 'ec2' },
      { ...claims, iat: NOW - 60 },
      signer(ec2.privateKey, 'ES256'),
    );
    expect(await outcomeOf(verify(bySkipped, NOW))).toBe('credential_invalid');
    close();
  });

  it('whose members are null has none of them', async () => {
    const nulls = { use: null, alg: null, key_ops: null, x5c: null, issuer: null };
    const server = await openJwksServer(keySet({ ...ec.publicJwk, ...nulls }));
    const { verify } = await openVerifier({ ...OURS, jwksUrl: server.url });
    expect(await outcomeOf(verify(good, NOW))).toBe('200');
  });
});

describe('keys of a set', () => {
  const open = async (...keys: object[]) =>
    openVerifier({ ...OURS, jwksUrl: (await openJwksServer(keySet(...keys))).url });
  const bare = ({ kid: _kid, ...jwk }: Record<string, unknown>) => jwk;
  const old = { ...claims, iat: NOW - 60 };
  const noKid = compact({ alg: 'ES256' }, old, byEc);

  it.each<[string, object[], string, string]>([
    ['twice the same', [ec.publicJwk, ec.publicJwk], good, '200'],
    [
      'twice the same, differently spelt',
      [ec.publicJwk, { ...ec.publicJwk, x5t: 'x' }],
      good,
      '200',
    ],
    [
      'the same, once without alg',
      [ec.publicJwk, { ...ec.publicJwk, alg: undefined }],
      good,
      '200',
    ],
    ['two of one kid', [ec.publicJwk, { ...ec2.publicJwk, kid: 'ec' }], good, 'credential_invalid'],
    ['of one kid and two types', [ec.publicJwk, { ...rsa.publicJwk, kid: 'ec' }], good, '200'],
    ['several, no kid in the JWT', [ec2.publicJwk, ec.publicJwk], noKid, '200'],
    ['several without kid', [bare(ec2.publicJwk), bare(ec.publicJwk)], noKid, '200'],
    [
      'a kid that no key has',
      [bare(ec.publicJwk)],
      compact({ alg: 'ES256', kid: 'ec' }, old, byEc),
      'credential_invalid',
    ],
  ])('that are %s', async (_what, keys, token, outcome) => {
    const { verify } = await open(...keys);
    expect(await outcomeOf(verify(token, NOW))).toBe(outcome);
  });

  it('are tried without kid eight at most', async () => {
    const others = Array.from({ length: 8 }, (_, i) => newKeys('ES256', `${i}`).publicJwk);
    const eighth = await open(...others.slice(1), ec.publicJwk);
    expect(await outcomeOf(eighth.verify(noKid, NOW))).toBe('200');
    const doubles = await open(...others.slice(1), ...others.slice(1), ec.publicJwk);
    expect(await outcomeOf(doubles.verify(noKid, NOW))).toBe('200');
    const ninth = await open(...others, ec.publicJwk);
    expect(await outcomeOf(ninth.verify(noKid, NOW))).toBe('credential_invalid');
  });
});

const fail: RequestListener = (_request, response) => response.writeHead(500).end();
const FAULTS: [string, RequestListener, string][] = [
  ['no key', keySet(), 'NO_USABLE_KEY'],
  ['bad entries alone', keySet({ kid: 'x' }), 'NO_USABLE_KEY'],
  ['a symmetric key alone', keySet(oct), 'NO_USABLE_KEY'],
  ['a key for encryption alone', keySet({ ...ec.publicJwk, use: 'enc' }), 'NO_USABLE_KEY'],
  ['keys of other algorithms alone', keySet(newKeys('ES384').publicJwk), 'NO_USABLE_KEY'],
  ['a short RSA key alone', keySet(weak), 'NO_USABLE_KEY'],
  ['no list', (_request, response) => response.end('{"keys":{}}'), 'NOT_KEY_SET'],
  ['no set', (_request, response) => response.end('{}'), 'NOT_KEY_SET'],
  ['null', (_request, response) => response.end('null'), 'NOT_KEY_SET'],
  ['an error', fail, 'STATUS_500'],
];

describe.each(FAULTS)('a key set with %s is a failed fetch', (_fault, answer, reason) => {
  it('at the start: 503, shown by readiness, metric and log', async () => {
    const server = await openJwksServer(answer);
    const { verify, healthy, lines, metric, close } = await openLogged(server.url);
    expect(await outcomeOf(verify(good, NOW))).toBe('dependency_unavailable');
    expect([healthy(), metric]).toEqual([false, ['error']]);
    expect(lines).toMatchObject([{ msg: 'jwks fetch failed', reason }]);
    close();
  });

  it('later: the keys of before stay for an hour, then 503', async () => {
    const time = jumpingTime();
    const server = await openJwksServer(keySet(ec.publicJwk));
    const verifier = await openVerifier({ ...OURS, jwksUrl: server.url });
    server.answer = answer;
    const fetched = verifier.nextFetch();
    time.advance(54_000);
    await fetched;
    expect([verifier.healthy(), await outcomeOf(verifier.verify(good, NOW))]).toEqual([
      false,
      '200',
    ]);
    time.advance(3_600_000);
    expect(await outcomeOf(verifier.verify(good, NOW))).toBe('dependency_unavailable');
  });
});

describe('a key with an issuer', () => {
  const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
  const OTHER = '11111111-2222-3333-4444-555555555555';
  const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';
  const v2 = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
  const v1 = (tenant: string) => `https://sts.windows.net/${tenant}/`;
  const single = { provider: `entra:${TENANT}`, audience: 'films' };
  const many = { provider: 'entra:common', audience: 'films', tenants: [TENANT, OTHER] };
  const plain = { issuer: 'https://a.example', audience: 'films' };
  const listed = {
    issuer: 'https://x.example/{tenantid}',
    tenants: ['t1', 't2'],
    audience: 'films',
  };

  it.each<
    [
      string,
      object,
      (string | undefined)[],
      iss: string,
      tid: string | undefined,
      '200' | 'credential_invalid',
    ]
  >([
    ['no issuer', single, [undefined], v2(TENANT), TENANT, '200'],
    ['its tenant', single, [v2(TENANT)], v2(TENANT), TENANT, '200'],
    ['its tenant, v1 token', single, [v2(TENANT)], v1(TENANT), TENANT, '200'],
    ['its tenant in the spelling of v1', single, [v1(TENANT)], v2(TENANT), TENANT, '200'],
    ['any tenant', single, [v2('{tenantid}')], v2(TENANT), TENANT, '200'],
    ['any tenant, v1 token', single, [v2('{tenantid}')], v1(TENANT), TENANT, '200'],
    ['the tenant of consumers', single, [v2(CONSUMERS)], v2(TENANT), TENANT, 'credential_invalid'],
    [
      'the tenant of consumers, v1',
      single,
      [v2(CONSUMERS)],
      v1(TENANT),
      TENANT,
      'credential_invalid',
    ],
    ['another tenant', many, [v2(OTHER)], v2(TENANT), TENANT, 'credential_invalid'],
    ['its tenant of many', many, [v2(OTHER)], v2(OTHER), OTHER, '200'],
    ['any of the listed', many, [v2('{tenantid}')], v1(OTHER), OTHER, '200'],
    [
      'any, and a token of a tenant that is not listed',
      many,
      [v2('{tenantid}')],
      v2(CONSUMERS),
      CONSUMERS,
      'credential_invalid',
    ],
    [
      'any, and another tenant in tid',
      many,
      [v2('{tenantid}')],
      v2(TENANT),
      OTHER,
      'credential_invalid',
    ],
    [
      'v1 alone in the configuration',
      { issuer: v1(TENANT), audience: 'films' },
      [v2('{tenantid}')],
      v1(TENANT),
      TENANT,
      '200',
    ],
    ['its issuer', plain, ['https://a.example'], 'https://a.example', undefined, '200'],
    [
      'its issuer with a slash',
      plain,
      ['https://a.example/'],
      'https://a.example',
      undefined,
      '200',
    ],
    [
      'another issuer',
      plain,
      ['https://b.example'],
      'https://a.example',
      undefined,
      'credential_invalid',
    ],
    [
      'an issuer that begins alike',
      plain,
      ['https://a.example.evil'],
      'https://a.example',
      undefined,
      'credential_invalid',
    ],
    [
      'a placeholder where no tenants are',
      plain,
      ['https://{tenantid}.example/x'],
      'https://a.example',
      undefined,
      'credential_invalid',
    ],
    [
      'two entries, one of its issuer',
      plain,
      ['https://b.example', 'https://a.example'],
      'https://a.example',
      undefined,
      '200',
    ],
    [
      'two entries, one without issuer',
      plain,
      ['https://b.example', undefined],
      'https://a.example',
      undefined,
      'credential_invalid',
    ],
    [
      'any tenant of another provider',
      listed,
      ['https://x.example/{tenantid}'],
      'https://x.example/t2',
      't2',
      '200',
    ],
    [
      'one tenant of another provider',
      listed,
      ['https://x.example/t1'],
      'https://x.example/t2',
      't2',
      'credential_invalid',
    ],
  ])('%s', async (_what, provider, issuers, iss, tid, outcome) => {
    const keys = issuers.map((issuer) => ({ ...rsa.publicJwk, ...(issuer && { issuer }) }));
    const { url: jwksUrl } = await openJwksServer(keySet(...keys));
    const { verify } = await openVerifier({ ...provider, jwksUrl });
    const given = { ...CLAIMS, iat: NOW - 60, iss, aud: 'films', ...(tid && { tid }) };
    const token = compact({ alg: 'RS256', kid: 'rsa' }, given, signer(rsa.privateKey, 'RS256'));
    expect(await outcomeOf(verify(token, NOW))).toBe(outcome);
  });
});
