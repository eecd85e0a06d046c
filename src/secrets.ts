import { isDeepStrictEqual } from 'node:util';
import { createIntrospectionVerifier } from './auth/introspection.ts';
import { type AuthEvents, createVerifier, type Verifier } from './auth/verifier.ts';
import type { Config } from './config/config.ts';
import { createGenerator, type Generate } from './token04/index.ts';

/** The verifier and the generator, which hold the secrets: replaced together while requests go on. */
export type Secrets = {
  verify: Verifier['verify'];
  generate: Generate;
  adminApiKey(): string | undefined;
  healthy(): boolean;
  /**
   * Takes over the secrets, keys and providers of `config`; what was verified under other keys is
   * forgotten. Rejects when the new keys of a provider cannot be fetched: the current ones are kept until then, and
   * everything else is taken over.
   */
  reload(config: Config): Promise<void>;
  close(): void;
};

/** Makes the verifier and the generator of a configuration, and makes them anew on a reload. */
export async function createSecrets(config: Config, events: AuthEvents): Promise<Secrets> {
  let { auth } = config;
  let { adminApiKey } = config.internal;
  let verifier = await openVerifier(config.auth, events);
  let generate = createGenerator(config.zego);

  async function renewVerifier(next: Config['auth']): Promise<void> {
    if (isDeepStrictEqual(next, auth)) return;
    if (verifier.replace) return verifier.replace(next.providers, next.ids);
    const before = verifier;
    verifier = await openVerifier(next, events);
    before.close();
  }

  return {
    verify: (token, now) => verifier.verify(token, now),
    generate: (input) => generate(input),
    adminApiKey: () => adminApiKey,
    healthy: () => verifier.healthy(),
    async reload(next) {
      generate = createGenerator(next.zego);
      adminApiKey = next.internal.adminApiKey;
      await renewVerifier(next.auth);
      auth = next.auth;
    },
    close: () => verifier.close(),
  };
}

async function openVerifier(
  { providers, introspection, ids }: Config['auth'],
  events: AuthEvents,
): Promise<Verifier> {
  if (introspection) return createIntrospectionVerifier(introspection, events, ids);
  return createVerifier(providers, events, ids);
}
