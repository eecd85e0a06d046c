import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { rejectionOf } from '../support/errors.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';
import { AUDIENCE, type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';
import { expectRefused, openVerifier, type TestVerifier } from '../support/verifier.ts';

/** The provider tells the time itself. */
const now = () => Math.floor(Date.now() / 1000);

let provider: OidcProvider | undefined;

async function start(keys: Record<string, unknown>[], port?: number): Promise<OidcProvider> {
  provider = await startOidcProvider(keys, port);
  return provider;
}

// It warns at every start that its memory is no database.
beforeAll(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));

afterEach(() => provider?.stop());

function openFor({ issuer }: OidcProvider, more: object = {}): Promise<TestVerifier> {
  return openVerifier({ issuer, audience: AUDIENCE, jwksUrl: `${issuer}/jwks`, ...more });
}

const oldKey = newKeys('ES256', 'old').privateJwk;
const newKey = newKeys('ES256', 'new').privateJwk;

describe('access tokens of a real OpenID provider', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('are verified: %s', async (alg) => {
    const oidc = await start([newKeys(alg).privateJwk]);
    const { verify } = await openFor(oidc);
    const credential = await verify(await oidc.accessToken(alg), now());
    expect(credential).toMatchObject({ userId: 'alice', issuer: oidc.issuer });
    expect(credential.expiresAt - now()).toBeGreaterThan(500);
  });

  it('are told apart by their algorithm where one key serves two', async () => {
    const { alg: _alg, ...key } = newKeys('RS256').privateJwk;
    const oidc = await start([key]);
    const { verify } = await openFor(oidc, { algorithms: ['PS256'] });
    expect(await verify(await oidc.accessToken('PS256'), now())).toBeTruthy();
    await expectRefused({ verify }, await oidc.accessToken('RS256'), 'credential_invalid', now());
  });

  it('for another audience or of another issuer are refused', async () => {
    const oidc = await start([oldKey]);
    const token = await oidc.accessToken('ES256');
    const others = [{ audience: 'other' }, { issuer: 'https://other.example' }];
    for (const other of others) {
      await expectRefused(await openFor(oidc, other), token, 'credential_invalid', now());
    }
  });

  it('expire', async () => {
    const oidc = await start([oldKey]);
    const token = await oidc.accessToken('ES256');
    await expectRefused(await openFor(oidc), token, 'credential_expired', now() + 601);
  });
});

describe('when the provider changes its keys', () => {
  it('the new ones work 5 s after the last fetch, and the old ones no more', async () => {
    const time = jumpingTime();
    const before = await start([oldKey]);
    const verifier = await openFor(before);
    const oldToken = await before.accessToken('ES256');
    await verifier.verify(oldToken, now());
    await before.stop();

    const after = await start([newKey], before.port);
    const newToken = await after.accessToken('ES256');
    await expectRefused(verifier, newToken, 'key_unknown', now());
    time.advance(5_000);
    expect(await verifier.verify(newToken, now())).toMatchObject({ userId: 'alice' });
    await expectRefused(verifier, oldToken, 'credential_invalid', now());
  });

  it('both work while it offers both', async () => {
    const time = jumpingTime();
    const before = await start([oldKey]);
    const verifier = await openFor(before);
    const oldToken = await before.accessToken('ES256');
    await before.stop();

    const after = await start([newKey, oldKey], before.port);
    time.advance(30_000);
    expect(await verifier.verify(await after.accessToken('ES256'), now())).toBeTruthy();
    expect(await verifier.verify(oldToken, now())).toBeTruthy();
  });
});

describe('when the provider is down', () => {
  it('credentials of known keys are verified for an hour', async () => {
    const time = jumpingTime();
    const oidc = await start([oldKey]);
    const verifier = await openFor(oidc);
    const tokens = [await oidc.accessToken('ES256'), await oidc.accessToken('ES256')];
    await oidc.stop();
    time.advance(3_500_000);
    expect(await verifier.verify(tokens[0] ?? '', now())).toMatchObject({ userId: 'alice' });
    time.advance(100_000);
    const error = await rejectionOf(verifier.verify(tokens[1] ?? '', now()));
    expect(error).toMatchObject({ code: 'dependency_unavailable' });
  });

  it('at our start nothing is decided, and all is well two seconds after its return', async () => {
    const time = jumpingTime();
    const oidc = await start([oldKey]);
    const token = await oidc.accessToken('ES256');
    await oidc.stop();
    const verifier = await openFor(oidc);
    await expectRefused(verifier, token, 'dependency_unavailable', now());
    expect(verifier.healthy()).toBe(false);

    await start([oldKey], oidc.port);
    time.advance(2_000);
    expect(await verifier.verify(token, now())).toMatchObject({ userId: 'alice' });
    expect(verifier.healthy()).toBe(true);
  });
});
