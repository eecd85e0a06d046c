import { describe, expect, it } from 'vitest';
import { load, refusal } from '../support/environment.ts';

const GIVEN = {
  AUTH_JWT_SECRET: undefined,
  AUTH_INTROSPECTION_URL: 'https://login.example/introspect',
  AUTH_INTROSPECTION_CLIENT_ID: 'video',
  AUTH_INTROSPECTION_CLIENT_SECRET: 'the secret',
  AUTH_AUDIENCE: 'app, web',
};

describe('the AUTH_INTROSPECTION_ variables', () => {
  it('are a way to sign in, with the secret in a file', () => {
    const name = 'AUTH_INTROSPECTION_CLIENT_SECRET';
    const { auth } = load(
      { ...GIVEN, [name]: undefined, [`${name}_FILE`]: '/secret' },
      { '/secret': 'kept\n' },
    );
    expect(auth.providers).toEqual([]);
    expect(auth.introspection).toMatchObject({
      clientSecret: 'kept',
      withoutExpiry: false,
      rules: { audience: ['app', 'web'], audienceClaim: 'aud', userClaim: 'sub' },
    });
  });

  it.each([
    ['AUTH_INTROSPECTION_CLIENT_ID', undefined, 'is required'],
    ['AUTH_INTROSPECTION_CLIENT_SECRET', undefined, 'is required'],
    ['AUTH_INTROSPECTION_URL', 'http://login.example/introspect', 'https'],
    ['AUTH_AUDIENCE', undefined, 'is required'],
    ['AUTH_INTROSPECTION_AUTH_METHOD', 'private_key_jwt', 'must be one of client_secret_basic'],
    ['AUTH_AUDIENCE_OPTIONAL', 'true', 'is not read'],
    ['AUTH_ALGORITHMS', 'RS256', 'is not read'],
  ])('are refused with %s=%s', (name, value, message) => {
    const lines = refusal({ ...GIVEN, [name]: value });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${name}: `);
    expect(lines[0]).toContain(message);
  });

  it('ask over plain http where that is said', () => {
    const url = 'http://hydra-admin:4445/admin/oauth2/introspect';
    const { auth } = load({ ...GIVEN, AUTH_INTROSPECTION_URL: url, AUTH_ALLOW_HTTP: 'true' });
    expect(auth.introspection).toMatchObject({ url, authMethod: 'client_secret_basic' });
  });

  it('need no client where none authenticates, and take no secret then', () => {
    const none = {
      ...GIVEN,
      AUTH_INTROSPECTION_CLIENT_ID: undefined,
      AUTH_INTROSPECTION_CLIENT_SECRET: undefined,
      AUTH_INTROSPECTION_AUTH_METHOD: 'none',
    };
    expect(load(none).auth.introspection).toMatchObject({ authMethod: 'none', clientId: '' });
    expect(refusal({ ...none, AUTH_INTROSPECTION_CLIENT_SECRET: 'x' })).toEqual([
      expect.stringContaining('AUTH_INTROSPECTION_CLIENT_SECRET: is not read with'),
    ]);
    expect(refusal({ AUTH_INTROSPECTION_AUTH_METHOD: 'none' })).toEqual([
      expect.stringContaining(
        'AUTH_INTROSPECTION_AUTH_METHOD: is read with AUTH_INTROSPECTION_URL',
      ),
    ]);
  });

  it('are refused beside another way to sign in, and without the address', () => {
    const both = refusal({ ...GIVEN, AUTH_JWT_SECRET: 'a secret of at least 32 bytes, yes' });
    expect(both.join()).toContain('AUTH_JWT_SECRET and AUTH_INTROSPECTION_URL are set');
    const none = refusal({ ...GIVEN, AUTH_INTROSPECTION_URL: undefined });
    expect(none.join()).toContain('AUTH_INTROSPECTION_URL: is required');
  });
});
