import type { Logger } from 'pino';
import type { Provider } from '../auth/provider.ts';
import { isSafeUrl } from '../auth/provider-keys.ts';
import type { AuthEvents } from '../auth/verifier.ts';

/** Logs when fetches of keys begin to fail, and when they cease to. */
export function logKeyFetches(events: AuthEvents, logger: Logger): AuthEvents {
  const failing = new Set<string>();
  return {
    ...events,
    jwksFetched(issuer, result, error) {
      events.jwksFetched(issuer, result, error);
      if (result === 'ok') {
        if (failing.delete(issuer)) logger.info({ issuer }, 'key set fetched again');
        return;
      }
      const { message, cause } = error as Error & { cause?: { code?: string } };
      const reason = String(cause?.code ?? message).slice(0, 200);
      if (!failing.has(issuer)) logger.warn({ issuer, reason }, 'key set fetch failed');
      failing.add(issuer);
    },
  };
}

/** Warns of keys that cross a network in the clear (AUTH_ALLOW_HTTP). */
export function warnOfPlainHttp(providers: readonly Provider[], logger: Logger): void {
  for (const key of providers.flatMap(({ keys }) => keys)) {
    const url = key.kind === 'jwks' ? key.url : key.kind === 'discovery' ? key.issuer : undefined;
    if (url && !isSafeUrl(url)) logger.warn({ url }, 'keys are fetched over plain http');
  }
}
