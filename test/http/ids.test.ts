import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createBackendAccess } from '../../src/access/backend.ts';
import { hashUserId } from '../../src/auth/user-id.ts';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { ServiceError } from '../../src/errors.ts';
import { decode } from '../../src/token04/index.ts';
import { openApp, SERVER_SECRET } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { JWT_SECRET, signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

const KEY = 'k'.repeat(32);
const ISSUER = 'https://films.eu.auth0.com/';
const SUBJECT = 'auth0|5f7c8ec7c33c6c004bbafe82';
const MAPPED = hashUserId(ISSUER, SUBJECT, KEY);
const auth0 = () => signJwt({ iss: ISSUER, sub: SUBJECT });

/** The service with AUTH_USER_ID=hash, before a backend that allows and remembers. */
async function openHashing() {
  const bodies: unknown[] = [];
  const backend = createServer(async (request, response) => {
    bodies.push(JSON.parse(Buffer.concat(await request.toArray()).toString()));
    response.end('{"allow":true}');
  });
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  const { port } = backend.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  const access = createBackendAccess({ url, secret: 's'.repeat(32), timeoutMs: 1_000 });
  onTestFinished(async () => {
    await access.close();
    backend.closeAllConnections();
    backend.close();
  });
  const events = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
  const providers = [providerSchema.parse({ secret: JWT_SECRET, issuer: ISSUER })];
  const { verify } = await createVerifier(providers, events, { strict: true, hashKey: KEY });
  const app = await openApp({ videoToken: { verify, check: access.check, repliesUserId: true } });
  return { app, bodies };
}

it('a mapped user id is in the token, the reply and the log', async () => {
  const { app } = await openHashing();
  const { status, body } = await ask(app, { credential: await auth0() });
  expect([status, body.userId]).toEqual([200, MAPPED]);
  const { claims } = decode(body.token, { secrets: [SERVER_SECRET] });
  expect(claims.userId).toBe(MAPPED);
  expect(app.decisions).toMatchObject([{ userId: MAPPED, issuer: ISSUER }]);
  expect(JSON.stringify(app.decisions)).not.toContain(SUBJECT);
});

it('the userId of the body must be the mapped one', async () => {
  const { app } = await openHashing();
  const credential = await auth0();
  const mapped = await ask(app, { credential, body: { ...BODY, userId: MAPPED } });
  expect(mapped.status).toBe(200);
  const own = await ask(app, { credential, body: { ...BODY, userId: SUBJECT } });
  expectProblem(own, 403, 'subject_mismatch', 'fix_request');
});

it("a team's own backend is asked with the issuer and the subject too", async () => {
  const { app, bodies } = await openHashing();
  await ask(app, { credential: await auth0() });
  expect(bodies).toMatchObject([{ userId: MAPPED, issuer: ISSUER, subject: SUBJECT }]);
});

it('the reply has no userId where ids are not mapped', async () => {
  const { body } = await ask(await openApp());
  expect(Object.keys(body)).toEqual(['token', 'expireAt']);
});

it.each([
  ['a slash', 'room/1', 'U+002F', 1002012],
  ['Chinese', '房间', 'U+623F', 1002012],
  ['128 characters', 'r'.repeat(128), '128 bytes', 1002013],
])('a room of %s is refused with the rule and the error of ZEGO', async (_, roomId, got, error) => {
  const answer = await ask(await openApp(), { body: { ...BODY, roomId } });
  expectProblem(answer, 400, 'invalid_request', 'fix_request');
  const [{ path, message }] = answer.body.errors;
  expect(path).toBe('/roomId');
  expect(message).toMatch(/^ZEGO accepts at most 127 ASCII letters, digits and /);
  expect(message).toContain(`got ${got} (ZEGO error ${error})`);
});

it('a room that ZEGO refuses is a room as any other with ZEGO_ID_RULE=off', async () => {
  const app = await openApp({ videoToken: { strictIds: false } });
  const answer = await ask(app, { body: { ...BODY, roomId: '房间' } });
  expectProblem(answer, 403, 'room_not_allowed', 'leave_room');
});

it('a user whom ZEGO refuses is told apart from a bad credential, with the reason in the log', async () => {
  const app = await openApp();
  const answer = await ask(app, { credential: await auth0() });
  expectProblem(answer, 403, 'user_not_allowed', 'contact_support');
  expect(app.decisions).toMatchObject([
    { code: 'user_not_allowed', reason: 'user_id_refused_by_zego', received: 'U+007C' },
  ]);
});

it('a key that is not known yet is 503 retry, in five seconds', async () => {
  const verify = async () => {
    throw new ServiceError('key_unknown', { retryAfter: 5, reason: { code: 'key_unknown' } });
  };
  const app = await openApp({ videoToken: { verify } });
  const answer = await ask(app);
  expectProblem(answer, 503, 'key_unknown', 'retry');
  expect(answer.headers['retry-after']).toBe('5');
  expect(app.decisions).toMatchObject([
    { outcome: 'failed', code: 'key_unknown', reason: 'key_unknown' },
  ]);
});
