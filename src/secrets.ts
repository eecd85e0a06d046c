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
   * forgotten. Rejects, and keeps everything as it was, when a provider would lose the keys that it has.
   */
  reload(config: Config): Promise<void>;
  close(): void;
};

/** Makes the verifier and the generator of a configuration, and makes them anew on a reload. */
export async function createSecrets(config: Config, events: AuthEvents): Promise<Secrets> {
  let current = config;
  let verifier = await openVerifier(config.auth, events);
  let generate = createGenerator(config.zego);

  async function renewVerifier({ auth }: Config): Promise<void> {
    if (isDeepStrictEqual(auth, current.auth)) return;
    if (verifier.replace) return verifier.replace(auth.providers, auth.ids);
    verifier.close();
    verifier = await openVerifier(auth, events);
  }

  return {
    verify: (token, now) => verifier.verify(token, now),
    generate: (input) => generate(input),
    adminApiKey: () => current.internal.adminApiKey,
    healthy: () => verifier.healthy(),
    async reload(next) {
      const renewed = createGenerator(next.zego);
      await renewVerifier(next);
      generate = renewed;
      current = next;
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
