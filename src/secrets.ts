import type { AuthEvents } from './auth/credential.ts';
import { createVerifier, type Verifier } from './auth/verify.ts';
import type { Config } from './config/config.ts';
import { createGenerator, type Generate } from './token04/index.ts';

/** The two parts that hold secrets, replaced together while requests go on. */
export type Secrets = {
  verify: Verifier['verify'];
  generate: Generate;
  healthy(): boolean;
  /**
   * Takes over the secrets, keys and providers of `config`; what was verified before is forgotten.
   * Rejects, and keeps everything as it was, when keys cannot be fetched that could be before.
   */
  reload(config: Config): Promise<void>;
  close(): void;
};

/** Makes the verifier and the generator of a configuration, and makes them anew on a reload. */
export async function createSecrets(config: Config, events: AuthEvents): Promise<Secrets> {
  let verifier = await createVerifier(config.providers, events);
  let generate = createGenerator(config.zego);
  return {
    verify: (token, now) => verifier.verify(token, now),
    generate: (input) => generate(input),
    healthy: () => verifier.healthy(),
    async reload(next) {
      const previous = verifier;
      const replacement = await createVerifier(next.providers, events);
      if (previous.healthy() && !replacement.healthy()) {
        replacement.close();
        throw new Error('the keys of a provider cannot be fetched');
      }
      generate = createGenerator(next.zego);
      verifier = replacement;
      previous.close();
    },
    close: () => verifier.close(),
  };
}
