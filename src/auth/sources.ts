import { isDeepStrictEqual } from 'node:util';
import { decodeJwt } from 'jose';
import { refuse } from './claims.ts';
import { type KeyEvents, type KeySource, openKeys } from './keys.ts';
import type { Provider } from './provider.ts';

/** Longer JWTs are not read. */
export const MAX_JWT_BYTES = 12 * 1024;

/** A provider with its keys, opened. */
export type Source = { provider: Provider; issuer: string; keys: KeySource[] };

/** Opens the keys of providers, but for those that are open already. */
export async function openSources(
  providers: readonly Provider[],
  events: KeyEvents,
  open: readonly Source[] = [],
): Promise<Source[]> {
  return Promise.all(
    providers.map(async (provider): Promise<Source> => {
      const issuer = provider.issuers[0]?.canonical ?? '';
      const before = open.find((source) => source.issuer === issuer);
      const keys = provider.keys.map((key) => {
        const at = before?.provider.keys.findIndex((one) => isDeepStrictEqual(one, key)) ?? -1;
        return before?.keys[at] ?? openKeys(key, issuer, events);
      });
      return { provider, issuer, keys: await Promise.all(keys) };
    }),
  );
}

/** Whether a provider could verify before and cannot after. */
export function losesKeys(before: readonly Source[], after: readonly Source[]): boolean {
  const usable = ({ keys }: Source) => keys.every((key) => key.usable());
  return after.some(
    (source) =>
      !usable(source) && before.some((one) => one.issuer === source.issuer && usable(one)),
  );
}

/** Closes the keys that are not among those of the `others`. */
export function closeOthers(sources: readonly Source[], others: readonly Source[]): void {
  const kept = others.flatMap(({ keys }) => keys);
  for (const key of sources.flatMap(({ keys }) => keys)) if (!kept.includes(key)) key.close();
}

/** The provider of a JWT: with several, the one that it names as its issuer. */
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
