import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, BODY } from '../support/ask.ts';
import { compact, signer } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { startService } from '../support/service.ts';

const keys = newKeys('ES256', 'kid');
const NO_SECRET = { AUTH_JWT_SECRET: '' };

async function start(variables: Record<string, string>) {
  const service = await startService({ ...NO_SECRET, ...variables });
  onTestFinished(service.stop);
  return service;
}

function tokenOf(iss: string): string {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { iss, aud: 'films', azp: 'films', typ: 'Bearer', sub: 'alice', exp };
  return compact({ alg: 'ES256', kid: 'kid' }, claims, signer(keys.privateKey, 'ES256'));
}

describe('the service', () => {
  it('starts with a warning while an issuer is down, answers 503, and 200 when it is back', async () => {
    const server = await openJwksServer((_request, response) => response.writeHead(500).end());
    const origin = server.url.replace('/jwks', '');
    const service = await start({ AUTH_ISSUER: origin, AUTH_AUDIENCE: 'films' });
    const warning = await service.line(({ msg }) => msg === 'jwks fetch failed');
    expect(warning).toMatchObject({ issuer: origin, reason: 'STATUS_500' });
    const credential = tokenOf(origin);
    expect(await ask(service, { credential, body: BODY })).toMatchObject({
      status: 503,
      body: { code: 'dependency_unavailable' },
    });
    server.answer = (request, response) => {
      if (request.url === '/keys') return keySet(keys.publicJwk)(request, response);
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` }));
    };
    await service.line(({ msg }) => msg === 'jwks fetched again');
    expect(await ask(service, { credential, body: BODY })).toMatchObject({ status: 200 });
  });

  it('takes a preset against a server of its own', async () => {
    const { url } = await openJwksServer(keySet(keys.publicJwk));
    const realm = 'https://sso.example/realms/films';
    const service = await start({
      AUTH_PROVIDER: `keycloak:${realm}`,
      AUTH_AUDIENCE: 'films',
      AUTH_JWKS_URL: url,
    });
    const answer = await ask(service, { credential: tokenOf(realm), body: BODY });
    expect(answer.status).toBe(200);
  });

  it('warns at its start of keys that are fetched in the clear', async () => {
    const service = await start({
      AUTH_ISSUER: 'login',
      AUTH_JWKS_URL: 'http://login.invalid/keys?key=canary',
      AUTH_AUDIENCE: 'films',
      AUTH_ALLOW_HTTP: 'true',
    });
    const warning = await service.line(({ msg }) => msg === 'keys are fetched over plain http');
    expect(warning).toMatchObject({ level: 'warn', address: 'login.invalid' });
    expect(service.stdout()).not.toContain('canary');
  });
});
