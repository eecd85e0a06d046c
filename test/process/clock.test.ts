import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, BODY } from '../support/ask.ts';
import { compact, signer } from '../support/compact.ts';
import { openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

const HOUR = 3_600;
const keys = newKeys('ES256', 'kid');

/** An identity provider whose answers have a `Date` of `seconds` ago, and are in a cache for `age`. */
async function openProvider(body: object) {
  const behind = { seconds: 0, age: 0 };
  const { url } = await openJwksServer((_request, response) => {
    const date = new Date(Date.now() - behind.seconds * 1_000).toUTCString();
    response.writeHead(200, { date, age: String(behind.age) }).end(JSON.stringify(body));
  });
  return { url, behind };
}

async function start(variables: Variables): Promise<Service> {
  const service = await startService({ AUTH_JWT_SECRET: '', ...variables });
  onTestFinished(service.stop);
  return service;
}

function warnings(service: Service) {
  return service
    .stdout()
    .split('\n')
    .filter((line) => line.includes('clock differs'))
    .map((line) => JSON.parse(line));
}

const expiry = () => Math.floor(Date.now() / 1_000) + HOUR;

describe('a clock that differs from that of the identity provider', () => {
  it.each([HOUR, -HOUR])(
    'is a warning at the start by %d s, and refuses nobody',
    async (seconds) => {
      const { url, behind } = await openProvider({ keys: [keys.publicJwk] });
      behind.seconds = seconds;
      const service = await start({ AUTH_JWKS_URL: url, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' });
      expect(warnings(service)).toEqual([
        expect.objectContaining({
          level: 'warn',
          issuer: 'i',
          secondsAhead: expect.closeTo(seconds, -1),
          fix: expect.stringContaining('NTP'),
        }),
      ]);
      const claims = { iss: 'i', aud: 'a', sub: 'alice', exp: expiry() };
      const credential = compact(
        { alg: 'ES256', kid: 'kid' },
        claims,
        signer(keys.privateKey, 'ES256'),
      );
      expect((await ask(service, { credential, body: BODY })).status).toBe(200);
    },
  );

  it.each([
    ['the clock is right', { seconds: 0, age: 0 }],
    ['a cache sends the Date of the origin', { seconds: HOUR, age: HOUR }],
    ['a cache sends a Date of its own', { seconds: 0, age: HOUR }],
  ])('is no warning where %s', async (_name, place) => {
    const { url, behind } = await openProvider({ keys: [keys.publicJwk] });
    Object.assign(behind, place);
    const service = await start({ AUTH_JWKS_URL: url, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' });
    expect(warnings(service)).toEqual([]);
  });

  it('is one warning for each time that it begins to differ, by introspection too', async () => {
    const { url, behind } = await openProvider({
      active: true,
      aud: 'a',
      sub: 'alice',
      exp: expiry(),
    });
    const service = await start({
      AUTH_INTROSPECTION_URL: url,
      AUTH_INTROSPECTION_CLIENT_ID: 'service',
      AUTH_INTROSPECTION_CLIENT_SECRET: 'introspection-secret',
      AUTH_ISSUER: 'https://login.example',
      AUTH_AUDIENCE: 'a',
    });
    for (const [index, seconds] of [HOUR, HOUR, 0, HOUR, HOUR].entries()) {
      behind.seconds = seconds;
      const answer = await ask(service, { credential: `opaque-${index}`, body: BODY });
      expect(answer.status).toBe(200);
    }
    service.kill('SIGTERM');
    await service.exited;
    expect(warnings(service).map(({ issuer }) => issuer)).toEqual([
      'https://login.example',
      'https://login.example',
    ]);
  });
});
