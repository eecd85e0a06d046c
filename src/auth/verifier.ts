import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Provider } from '../config/identity/provider.ts';
import type { UserIdRules } from '../config/identity/providers.ts';
import { DIRECT, type OutboundConfig } from '../config/outbound.ts';
import { ServiceError } from '../errors.ts';
import { createOutbound } from '../outbound.ts';
import { type Credential, checkClaims, refuse } from './claims.ts';
import type { UnverifiedJws } from './keys/jwks.ts';
import type { KeyEvents, KeySource, VerificationKey } from './keys/open.ts';
import {
  closeOthers,
  createSelector,
  keepUsable,
  keysOf,
  MAX_JWT_BYTES,
  openSources,
  type Source,
} from './keys/sources.ts';
import { verifySignature } from './signature.ts';
import { STRICT_IDS } from './user-id.ts';

const KEYS_KEPT = 'cannot fetch new keys of a provider; keeping the current ones';
const COMPACT = /^[\w-]+\.[\w-]+\.([\w-]+)$/;
/** With the TTL resolution below, at most 60 s. */
const CACHE_MS = 59_000;
/** Reading the clock costs more than the lookup. */
const CACHE_CLOCK_MS = 1_000;
const CACHE_ENTRIES = 20_000;
const CACHE_CHARACTERS = 16_000_000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Authentication events for metrics and logs. */
export type AuthEvents = Omit<KeyEvents, 'onChange'> & {
  /** The cache of verified credentials was hit or missed. */
  cache(result: 'hit' | 'miss'): void;
  /** Verifying a JWT that was not cached took `seconds`. */
  verified(seconds: number): void;
};

/** Verifies credentials of one or several providers. */
export type Verifier = {
  /**
   * The credential in a JWT, without a promise if it is cached. `now` is Unix seconds.
   *
   * Rejects with a ServiceError: `credential_invalid`, `credential_expired`, `user_not_allowed` for an id that
   * ZEGO refuses, or `dependency_unavailable` or `key_unknown` when a provider's keys are not available now
   */
  verify(token: string, now: number): Credential | Promise<Credential>;
  healthy(): boolean;
  /**
   * Replaces the providers without interrupting requests. Unchanged key sets keep their cached keys, in case the
   * provider is down. Rejects when a new key set cannot be fetched; that provider keeps its current keys, everything
   * else is replaced. Absent when there are no keys to replace.
   */
  replace?(providers: readonly Provider[], ids: UserIdRules): Promise<void>;
  close(): void;
};

/** No `crit`: we understand no extension (RFC 7515 section 4.1.11), `b64` among them (RFC 7797). */
const headerSchema = z.object({
  alg: z.string(),
  kid: z.string().optional(),
  typ: z.unknown().optional(),
  crit: z.never().optional(),
  b64: z.never().optional(),
});

/**
 * Creates a verifier that caches credentials by the exact text of the JWT, for at most 60 s.
 *
 * With several providers, the `iss` of a JWT selects the provider whose keys verify it.
 */
export async function createVerifier(
  providers: readonly Provider[],
  events: AuthEvents,
  ids: UserIdRules = STRICT_IDS,
  outboundConfig: OutboundConfig = DIRECT,
): Promise<Required<Verifier>> {
  const outbound = createOutbound(outboundConfig);
  let cache = createCache();
  /** What the keys before these vouched for. */
  let retired = cache;
  const clear = () => {
    retired = cache;
    cache = createCache();
  };
  const keyEvents = { ...events, onChange: clear };
  const withRules = (sources: readonly Source[], rules: UserIdRules) => ({
    sources,
    ids: rules,
    select: createSelector(sources),
  });
  let current = withRules(await openSources(providers, keyEvents, outbound), ids);

  function verify(token: string, now: number): Credential | Promise<Credential> {
    const cached = cache.get(token);
    events.cache(cached ? 'hit' : 'miss');
    return cached ? unexpired(cached, now) : verifyNew(token, now);
  }

  async function verifyNew(token: string, now: number): Promise<Credential> {
    // A verification that started with old keys must not fill the cache of the new ones.
    const target = cache;
    const started = performance.now();
    try {
      const jwt = { token, now, wasVerified: retired.has(token) };
      const credential = await verifyWith(current.select(token), current.ids, jwt);
      target.set(token, credential);
      return credential;
    } finally {
      events.verified((performance.now() - started) / 1000);
    }
  }

  return {
    verify,
    healthy: () => current.sources.every(({ keys }) => keys.every(({ healthy }) => healthy())),
    async replace(others, rules) {
      const { sources } = current;
      const opened = await openSources(others, keyEvents, outbound, sources);
      const next = keepUsable(opened, sources);
      closeOthers([...sources, ...opened], next);
      current = withRules(next, rules);
      clear();
      if (keysOf(opened).some((key) => !keysOf(next).includes(key))) throw new Error(KEYS_KEPT);
    },
    close: () => closeOthers(current.sources, []),
  };
}

/**
 * A hit skips the signature check, so no entry may outlive its key. The cache is replaced when a key set changes or
 * expires (`onChange` of `jwks.ts`) and on each reload, the only way to change other keys. Entries expire after at most
 * 60 s.
 */
function createCache(): LRUCache<string, Credential> {
  return new LRUCache({
    max: CACHE_ENTRIES,
    maxSize: CACHE_CHARACTERS,
    sizeCalculation: (_credential, token) => token.length,
    ttl: CACHE_MS,
    ttlResolution: CACHE_CLOCK_MS,
  });
}

async function verifyWith(
  { provider, keys }: Source,
  ids: UserIdRules,
  jwt: Pick<UnverifiedJws, 'token' | 'now' | 'wasVerified'>,
): Promise<Credential> {
  const { token, now } = jwt;
  if (token.length > MAX_JWT_BYTES) throw refuse('too_long', `at most ${MAX_JWT_BYTES} bytes`);
  const signature = decodeSignature(token);
  const header = decodeHeader(token);
  const { alg } = header;
  const sources = keys.filter(({ algorithms }) => algorithms.includes(alg));
  if (sources.length === 0) {
    const algorithms = [...new Set(keys.flatMap((one) => one.algorithms))];
    throw refuse('alg_not_allowed', algorithms.join(' or '), alg.slice(0, 20));
  }
  const end = token.lastIndexOf('.');
  const input = token.slice(0, end);
  const payload = token.slice(token.indexOf('.') + 1, end);
  const { source, key } = await findSigner(sources, {
    ...jwt,
    header,
    isSignedBy: (one) => verifySignature(alg, one.key, input, signature),
    get issuedAt() {
      return issuedBefore(payload, now);
    },
  });
  const rules = rulesOf(provider, source.discoveredIssuer());
  const facts = { typ: header.typ, keyIssuers: key.issuers };
  return checkClaims(decodeClaims(payload), rules, ids, now, facts);
}

/**
 * Finds the key that verifies a JWS, and its source.
 *
 * @throws {ServiceError} `credential_invalid` when none does; where it may be a key that we do not have yet,
 * `dependency_unavailable` or `key_unknown`
 */
async function findSigner(sources: readonly KeySource[], jws: SignedJws) {
  const failures: ServiceError[] = [];
  const latest: KeySource[] = [];
  let hasCandidates = false;
  for (const source of sources) {
    try {
      const found = source.find(jws.header);
      const candidates = found instanceof Promise ? await found : found;
      const key = candidates.find(jws.isSignedBy);
      if (key) return { source, key };
      hasCandidates ||= candidates.length > 0;
      if (source.findLatest) latest.push(source);
    } catch (error) {
      failures.push(asServiceError(error));
    }
  }
  for (const source of latest) {
    try {
      const key = await source.findLatest?.(jws);
      if (key) return { source, key };
    } catch (error) {
      failures.push(asServiceError(error));
    }
  }
  throw (
    failures.find(({ code }) => code !== 'credential_invalid') ??
    failures[0] ??
    refuse(hasCandidates ? 'signature' : 'key_not_in_set')
  );
}

type SignedJws = Omit<UnverifiedJws, 'isSignedBy'> & { isSignedBy(key: VerificationKey): boolean };

function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  throw error;
}

/** The claim `iat` of a JWS that is not verified; undefined unless it is a time in the past. */
function issuedBefore(payload: string, now: number): number | undefined {
  try {
    const { iat } = decodeClaims(payload) as { iat?: unknown };
    return typeof iat === 'number' && iat <= now ? iat : undefined;
  } catch {
    return undefined;
  }
}

/** With discovery, `iss` must equal the `issuer` of the document exactly. */
function rulesOf(provider: Provider, iss: string | undefined): Provider {
  return iss === undefined ? provider : { ...provider, issuers: [{ iss, canonical: iss }] };
}

/**
 * RFC 7515 section 2: base64url without padding. Lenient decoders ignore other characters and trailing bits,
 * so one credential would have several encodings.
 */
function decodeSignature(token: string): Buffer {
  const text = COMPACT.exec(token)?.[1];
  const signature = Buffer.from(text ?? '', 'base64url');
  if (signature.toString('base64url') === text) return signature;
  throw refuse('not_jwt', 'three parts in base64url without padding');
}

function decodeHeader(token: string): z.output<typeof headerSchema> {
  try {
    return headerSchema.parse(parseJson(token.slice(0, token.indexOf('.'))));
  } catch {
    throw refuse('header', 'a header with alg, kid as text, and no crit or b64');
  }
}

function decodeClaims(part: string): unknown {
  try {
    return parseJson(part);
  } catch {
    throw refuse('claims', 'JSON in UTF-8');
  }
}

/** Parses a part of a JWT: JSON in base64url. */
function parseJson(part: string): unknown {
  return JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
}

/** A cached credential may have expired. */
function unexpired(credential: Credential, now: number): Credential | Promise<Credential> {
  const isExpired = credential.expiresAt <= now;
  return isExpired ? Promise.reject(new ServiceError('credential_expired')) : credential;
}
