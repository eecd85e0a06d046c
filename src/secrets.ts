import { isDeepStrictEqual } from 'node:util';
import { createIntrospectionVerifier } from './auth/introspection.ts';
import { type AuthEvents, createVerifier, type Verifier } from './auth/verifier.ts';
import type { AdminKey } from './config/admin-keys.ts';
import type { Config } from './config/config.ts';
import { createGenerator, type Generate } from './token04/index.ts';

/** The verifier and the generator, which use the secrets and are replaced together on a reload. */
export type Secrets = {
  verify: Verifier['verify'];
  generate: Generate;
  adminKeys(): readonly AdminKey[];
  serverSecret(): string;
  healthy(): boolean;
  /**
   * Applies the secrets, keys and providers of `config` and clears cached verifications. Rejects when the new keys
   * of a provider cannot be fetched: its current keys are kept, everything else is applied.
   */
  reload(config: Config): Promise<void>;
  close(): void;
};

/** Creates the verifier and the generator, and replaces them on a reload. */
export async function createSecrets(config: Config, events: AuthEvents): Promise<Secrets> {
  let { auth } = config;
  // Changed by a restart alone.
  const { outbound } = auth;
  let { adminKeys } = config.internal;
  let verifier = await openVerifier(config.auth, events);
  let { zego } = config;
  let generate = createGenerator(zego);

  async function renewVerifier(next: Config['auth']): Promise<void> {
    if (isDeepStrictEqual(next, auth)) return;
    if (verifier.replace) return verifier.replace(next.providers, next.ids);
    const before = verifier;
    verifier = await openVerifier({ ...next, outbound }, events);
    before.close();
  }

  return {
    verify: (token, now) => verifier.verify(token, now),
    generate: (input) => generate(input),
    adminKeys: () => adminKeys,
    serverSecret: () => zego.secret,
    healthy: () => verifier.healthy(),
    async reload(next) {
      zego = next.zego;
      generate = createGenerator(zego);
      adminKeys = next.internal.adminKeys;
      await renewVerifier(next.auth);
      auth = next.auth;
    },
    close: () => verifier.close(),
  };
}

async function openVerifier(
  { providers, introspection, ids, outbound }: Config['auth'],
  events: AuthEvents,
): Promise<Verifier> {
  if (introspection) return createIntrospectionVerifier(introspection, events, ids, outbound);
  return createVerifier(providers, events, ids, outbound);
}
