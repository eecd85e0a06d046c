import { decodeJwt, errors, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { MAX_UNIX_SECONDS, userIdSchema } from '../identifiers.ts';
import type { AuthEvents, Credential } from './credential.ts';
import { type KeySource, openKeys } from './keys.ts';
import type { Provider } from './provider.ts';

const MAX_JWT_BYTES = 8 * 1024;
const COMPACT = /^[\w-]+\.[\w-]+\.([\w-]+)$/;
const CACHE_MS = 59_000;
/** Reading the clock costs more than the lookup: with this, entries live for 60 s at most. */
const CACHE_CLOCK_MS = 1_000;
const CACHE_ENTRIES = 20_000;
const CACHE_CHARACTERS = 16_000_000;

/** Verifies credentials of one or several providers. */
export type Verifier = {
  /**
   * The credential in a JWT. `now` is Unix seconds.
   *
   * @throws {ServiceError} `credential_invalid`, `credential_expired`, or `dependency_unavailable`
   * when a provider's keys cannot be had
   */
  verify(token: string, now: number): Promise<Credential>;
  healthy(): boolean;
  /** Every provider has keys to verify with, fresh or kept. */
  usable(): boolean;
  close(): void;
};

/** The checks that jose leaves to us: RFC 7515 section 4.1.4, RFC 7797 section 6. */
const headerSchema = z.object({ kid: z.string().optional(), b64: z.never().optional() });

/** The same for RFC 7519 section 4.1, and a bound for every number. */
const claimsSchema = z.object({
  exp: z.int().max(MAX_UNIX_SECONDS),
  iat: z.number().optional(),
  iss: z.string().optional(),
});

/**
 * A verifier that keeps what it verified for 60 s at most, by the exact bytes of the JWT.
 *
 * With several providers a JWT is held against the one that it names as its issuer, and no other.
 */
export async function createVerifier(
  providers: readonly Provider[],
  events: AuthEvents,
): Promise<Verifier> {
  let cache = createCache();
  const clear = () => {
    cache = createCache();
  };
  const sources = await Promise.all(
    providers.map(async (provider) => ({
      provider,
      keys: await openKeys(provider, events, clear),
    })),
  );
  const select = createSelector(sources);

  async function verify(token: string, now: number): Promise<Credential> {
    const known = cache.get(token);
    events.cache(known ? 'hit' : 'miss');
    if (known) return unexpired(known, now);
    // A verification that began under old keys must not end in the cache of the new ones.
    const target = cache;
    const started = performance.now();
    try {
      const credential = await verifyWith(select(token), token, now);
      target.set(token, credential);
      return unexpired(credential, now);
    } finally {
      events.verified((performance.now() - started) / 1000);
    }
  }

  return {
    verify,
    healthy: () => sources.every(({ keys }) => keys.healthy()),
    usable: () => sources.every(({ keys }) => keys.usable()),
    close: () => sources.forEach(({ keys }) => void keys.close()),
  };
}

type Source = { provider: Provider; keys: KeySource };

function createCache(): LRUCache<string, Credential> {
  return new LRUCache({
    max: CACHE_ENTRIES,
    maxSize: CACHE_CHARACTERS,
    sizeCalculation: (_credential, token) => token.length,
    ttl: CACHE_MS,
    ttlResolution: CACHE_CLOCK_MS,
  });
}

function createSelector(sources: Source[]): (token: string) => Source {
  const [only] = sources;
  if (only && sources.length === 1) return () => only;
  const byIssuer = new Map(sources.map((source) => [source.provider.issuer, source]));
  return (token) => {
    const source = byIssuer.get(unverifiedIssuer(token));
    if (!source) throw invalid('UNKNOWN_ISSUER');
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

async function verifyWith({ provider, keys }: Source, token: string, now: number) {
  if (token.length > MAX_JWT_BYTES) throw invalid('TOO_LONG');
  if (!isCanonical(token)) throw invalid('NOT_CANONICAL');
  try {
    const { payload, protectedHeader } = await keys.verify(token, {
      algorithms: provider.algorithms,
      ...(provider.issuer !== undefined && { issuer: provider.issuer }),
      ...(provider.audience !== undefined && { audience: provider.audience }),
      clockTolerance: provider.clockToleranceSeconds,
      currentDate: new Date(now * 1000),
    });
    parse(headerSchema, protectedHeader, 'HEADER');
    return readClaims(payload, provider, now);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (error instanceof errors.JWTExpired) throw new ServiceError('credential_expired');
    // Web Crypto's errors have a number here.
    const { code } = error as { code?: unknown };
    throw invalid(typeof code === 'string' ? code : 'INVALID');
  }
}

/**
 * RFC 7515 section 2: base64url without padding. Decoders let through other characters and spare bits
 * in the signature, and one credential would have many texts.
 */
function isCanonical(token: string): boolean {
  const signature = COMPACT.exec(token)?.[1];
  return Buffer.from(signature ?? '', 'base64url').toString('base64url') === signature;
}

function readClaims(payload: JWTPayload, provider: Provider, now: number): Credential {
  const { exp, iat = now, iss } = parse(claimsSchema, payload, 'CLAIMS');
  if (iat > now + provider.clockToleranceSeconds) throw invalid('ISSUED_IN_THE_FUTURE');
  const { userClaim, userPrefix } = provider;
  const subject = parse(userIdSchema, payload[userClaim], 'USER_CLAIM');
  const userId = parse(userIdSchema, userPrefix + subject, 'USER_CLAIM');
  return { userId, issuer: iss, expiresAt: exp, videoAccess: payload.video_access };
}

function parse<T>(schema: z.ZodType<T>, value: unknown, reason: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw invalid(reason);
  return result.data;
}

/** The clock tolerance is for `nbf` and `iat`: a credential is over at the second of its `exp`. */
function unexpired(credential: Credential, now: number): Credential {
  if (credential.expiresAt <= now) throw new ServiceError('credential_expired');
  return credential;
}

function invalid(reason: string): ServiceError {
  return new ServiceError('credential_invalid', { cause: { code: reason } });
}
