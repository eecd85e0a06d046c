import { isDeepStrictEqual } from 'node:util';
import { decodeJwt } from 'jose';
import type { Provider } from '../../config/identity/provider.ts';
import type { ProviderKey } from '../../config/identity/provider-keys.ts';
import type { Outbound } from '../../outbound.ts';
import { refuse } from '../claims.ts';
import { type KeyEvents, type KeySource, openKeys } from './open.ts';

/** Longer JWTs are not read. */
export const MAX_JWT_BYTES = 12 * 1024;

/** An opened key with its configuration. */
type OpenKey = KeySource & { given: ProviderKey };

/** A provider with its keys. */
export type Source = { provider: Provider; keys: OpenKey[] };

/** Opens the keys of providers; reuses those that are already open. */
export function openSources(
  providers: readonly Provider[],
  events: KeyEvents,
  outbound: Outbound,
  open: readonly Source[] = [],
): Promise<Source[]> {
  const known = keysOf(open);
  return Promise.all(
    providers.map(async (provider) => {
      const issuer = provider.issuers[0]?.canonical ?? '';
      const keys = provider.keys.map(
        async (given) =>
          known.find((key) => isDeepStrictEqual(key.given, given)) ?? {
            ...(await openKeys(given, issuer, events, outbound)),
            given,
          },
      );
      return { provider, keys: await Promise.all(keys) };
    }),
  );
}

/**
 * Replaces each key set that cannot be fetched by a usable one that the same provider had `before`, for the
 * same algorithms or some of them.
 */
export function keepUsable(after: readonly Source[], before: readonly Source[]): Source[] {
  return after.map(({ provider, keys }) => {
    const usable = before
      .filter((source) => isSameProvider(source.provider, provider))
      .flatMap(({ keys: had }) => had.filter((key) => isKeySet(key) && key.usable()));
    const replacementOf = ({ algorithms }: OpenKey) =>
      usable.find((key) => key.algorithms.every((name) => algorithms.includes(name)));
    return {
      provider,
      keys: keys.map((key) => (key.usable() ? key : (replacementOf(key) ?? key))),
    };
  });
}

function isKeySet({ given: { kind } }: OpenKey): boolean {
  return kind === 'jwks' || kind === 'discovery';
}

/** Providers are the same when they share an issuer; a provider without issuers has no key set. */
function isSameProvider({ issuers: a }: Provider, { issuers: b }: Provider): boolean {
  return a.some(({ canonical }) => b.some((other) => other.canonical === canonical));
}

/** Closes the keys that `others` do not use. */
export function closeOthers(sources: readonly Source[], others: readonly Source[]): void {
  const kept = keysOf(others);
  for (const key of keysOf(sources)) if (!kept.includes(key)) key.close();
}

export function keysOf(sources: readonly Source[]): OpenKey[] {
  return sources.flatMap(({ keys }) => keys);
}

/** Selects the provider of a JWT by its `iss`. */
export function createSelector(sources: readonly Source[]): (token: string) => Source {
  const [only] = sources;
  if (only && sources.length === 1) return () => only;
  const byIssuer = new Map(
    sources.flatMap((source) => source.provider.issuers.map(({ iss }) => [iss, source])),
  );
  return (token) => {
    const source = byIssuer.get(unverifiedIssuer(token) ?? '');
    if (!source) throw refuse('issuer_unknown', 'the issuer of a provider');
    return source;
  };
}

function unverifiedIssuer(token: string): string | undefined {
  try {
    return token.length > MAX_JWT_BYTES ? undefined : decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
