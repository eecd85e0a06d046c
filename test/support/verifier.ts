import { expect, onTestFinished } from 'vitest';
import { createVerifier, type Verifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { NOW } from './clock.ts';
import { rejectionOf } from './errors.ts';

/** Ids as they come: what ZEGO accepts has tests of its own. */
const ANY_IDS = { strict: false, hashKey: undefined };

/** A verifier with everything that it reported, in order. */
export type TestVerifier = Verifier & {
  /** Replaces the providers by others as an operator writes them. */
  reload(...providers: object[]): Promise<void>;
  events: unknown[][];
  cache(): unknown[];
  /** The end of the next fetch of keys. */
  nextFetch(): Promise<void>;
};

/** Opens a verifier for providers as an operator writes them; closes it when the test ends. */
export async function openVerifier(...providers: object[]): Promise<TestVerifier> {
  const events: unknown[][] = [];
  let fetched = Promise.withResolvers<void>();
  const parse = (given: object[]) => given.map((provider) => providerSchema.parse(provider));
  const verifier = await createVerifier(
    parse(providers),
    {
      cache: (result) => void events.push(['cache', result]),
      verified: (seconds) => void events.push(['verified', seconds]),
      clockCompared() {},
      jwksFetched(issuer, result) {
        events.push(['jwks', issuer, result]);
        fetched.resolve();
        fetched = Promise.withResolvers();
      },
    },
    ANY_IDS,
  );
  onTestFinished(verifier.close);
  const cache = () => events.filter(([name]) => name === 'cache').map(([, result]) => result);
  const reload = (...others: object[]) => verifier.replace(parse(others), ANY_IDS);
  return { ...verifier, reload, events, cache, nextFetch: () => fetched.promise };
}

/** Asserts that a JWT is refused, and what the log says of it: the reason, what was expected and received. */
export async function expectReason(
  verifier: Pick<Verifier, 'verify'>,
  token: string,
  reason: { code: string; expected?: unknown; received?: unknown },
): Promise<void> {
  const error = await rejectionOf(verifier.verify(token, NOW));
  expect(error).toMatchObject({
    name: 'ServiceError',
    code: 'credential_invalid',
    extras: { reason },
  });
}

/** Asserts that a JWT is refused with this code, which is all that a client may see of the reason. */
export async function expectRefused(
  verifier: Pick<Verifier, 'verify'>,
  token: string,
  code = 'credential_invalid',
  now = NOW,
): Promise<void> {
  const error = await rejectionOf(verifier.verify(token, now));
  expect(error).toMatchObject({ name: 'ServiceError', code, message: code });
  if (code === 'credential_invalid') {
    // For the log alone, where the reason is told.
    expect(error).toMatchObject({
      extras: { reason: { code: expect.stringMatching(/^[a-z]\w+$/) } },
    });
  }
  expect((error as { extras: object }).extras).not.toHaveProperty('detail');
}
