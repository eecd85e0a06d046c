import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretPost,
  customFetch,
  introspectionRequest,
  None,
  processIntrospectionResponse,
} from 'oauth4webapi';
import type { Introspection } from '../config/identity/introspection.ts';
import type { UserIdRules } from '../config/identity/providers.ts';
import { DIRECT, type OutboundConfig } from '../config/outbound.ts';
import { BREAKER_PROBE_EVERY_MS, watchDependency } from '../dependency.ts';
import { ServiceError } from '../errors.ts';
import { StatusError } from '../fetch.ts';
import { MAX_UNIX_SECONDS } from '../identifiers.ts';
import { causeOf } from '../messages/causes.ts';
import { createOutbound, type Outbound } from '../outbound.ts';
import { withDeadline } from '../time.ts';
import { type Credential, checkClaims, refuse } from './claims.ts';
import { checkIntrospectedKind } from './kinds.ts';
import { STRICT_IDS } from './user-id.ts';
import type { AuthEvents, Verifier } from './verifier.ts';

const MAX_TOKEN_BYTES = 12 * 1024;
const MAX_BYTES = 16 * 1024;
/** How long a request waits for an answer. */
const WAIT_MS = 2_500;
const ACTIVE_MS = 30_000;
const REFUSED_MS = 5_000;
const CACHE_ENTRIES = 20_000;
const CACHE_CHARACTERS = 16_000_000;
/** The breaker counts over 10 s. */
const REPEATED_MS = 10_000;
const REPEATS = 10_000;

type OnClock = (secondsAhead: number) => void;
type Outcome = { credential: Credential } | { refusal: unknown };

/**
 * Verifies opaque access tokens by introspection (RFC 7662). Caches active tokens for 30 s, but not past
 * `exp`, and refusals for 5 s. The circuit breaker opens for 5 s when half of the calls fail.
 */
export function createIntrospectionVerifier(
  introspection: Introspection,
  events: Pick<AuthEvents, 'cache' | 'clockCompared'>,
  ids: UserIdRules = STRICT_IDS,
  outboundConfig: OutboundConfig = DIRECT,
): Verifier {
  const outbound = createOutbound(outboundConfig);
  const cache = createCache();
  const pending = new Map<string, Promise<Outcome>>();
  const name = introspection.rules.issuers[0]?.canonical ?? introspection.url;
  const request = (token: string) =>
    introspect(introspection, outbound, token, (seconds) => events.clockCompared(name, seconds));
  const endpoint = watchDependency({
    ask: request,
    probe: () => request('probe'),
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    isClientError: isTokenError,
    hasFailed: createRepeats(),
  });
  const retryAfter = createRetryAfter();

  async function ask(token: string): Promise<Record<string, unknown>> {
    try {
      return await endpoint.ask(token);
    } catch (error) {
      const seconds = retryAfter(error);
      throw unavailable(error, seconds);
    }
  }

  async function decide(key: string, token: string, now: number): Promise<Outcome> {
    const answer = await ask(token);
    const outcome = judge(answer, introspection, ids, now);
    cache.set(key, outcome, { ttl: 'credential' in outcome ? ACTIVE_MS : REFUSED_MS });
    return outcome;
  }

  return {
    async verify(token, now) {
      if (token.length > MAX_TOKEN_BYTES) {
        throw refuse('too_long', `at most ${MAX_TOKEN_BYTES} bytes`);
      }
      const key = hash(token);
      const known = cache.get(key);
      events.cache(known ? 'hit' : 'miss');
      let asked = known ?? pending.get(key);
      if (!asked) {
        asked = decide(key, token, now).finally(() => pending.delete(key));
        pending.set(key, asked);
      }
      // The answer is kept for the next request, where it comes too late for this one.
      const outcome = asked instanceof Promise ? await withDeadline(asked, WAIT_MS, late) : asked;
      if ('refusal' in outcome) throw outcome.refusal;
      if (outcome.credential.expiresAt <= now) throw new ServiceError('credential_expired');
      return outcome.credential;
    },
    healthy: endpoint.healthy,
    close: endpoint.close,
  };
}

/** Whether a token has failed before, within the time in which the breaker counts; notes it. */
function createRepeats(): (token: string) => boolean {
  const failed = new LRUCache<string, true>({ max: REPEATS, ttl: REPEATED_MS });
  return (token) => {
    const key = hash(token);
    const isRepeat = failed.has(key);
    if (!isRepeat) failed.set(key, true);
    return isRepeat;
  };
}

/** The seconds that the endpoint last asked to wait, less those since then, also while the breaker is open. */
function createRetryAfter(): (error: unknown) => number | undefined {
  let until = 0;
  return (error) => {
    const now = performance.now();
    const asked = error instanceof StatusError ? error.retryAfter : undefined;
    if (asked !== undefined) until = now + asked * 1000;
    return until > now ? Math.ceil((until - now) / 1000) : undefined;
  };
}

const CREDENTIALS =
  'a client that may introspect: check AUTH_INTROSPECTION_CLIENT_ID, AUTH_INTROSPECTION_CLIENT_SECRET and AUTH_INTROSPECTION_AUTH_METHOD';

/** The library's errors include the response, which is personal data. */
function unavailable(error: unknown, retryAfter: number | undefined): ServiceError {
  const isRefusal = error instanceof StatusError && [401, 403].includes(error.status);
  return new ServiceError('dependency_unavailable', {
    ...(retryAfter !== undefined && { retryAfter }),
    reason: {
      code: 'introspection_unavailable',
      ...(isRefusal && { expected: CREDENTIALS }),
      received: causeOf(error).code,
    },
  });
}

function late(): never {
  throw unavailable(Object.assign(new Error('late'), { code: 'TIMEOUT' }), undefined);
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** Introspects a token that does not exist. Rejects if the endpoint is unreachable or refuses our client. */
export async function probeIntrospection(
  introspection: Introspection,
  onClock: OnClock,
  outboundConfig: OutboundConfig = DIRECT,
): Promise<void> {
  await introspect(introspection, createOutbound(outboundConfig), 'probe', onClock);
}

function createCache(): LRUCache<string, Outcome> {
  return new LRUCache({
    max: CACHE_ENTRIES,
    maxSize: CACHE_CHARACTERS,
    sizeCalculation: (outcome) =>
      500 + ('credential' in outcome ? JSON.stringify(outcome.credential).length : 0),
    ttl: ACTIVE_MS,
  });
}

const AUTH_METHODS: Record<Introspection['authMethod'], (secret: string) => ClientAuth> = {
  client_secret_basic: basicAuthentication,
  client_secret_post: ClientSecretPost,
  none: None,
};

/**
 * RFC 6749 section 2.3.1 wants id and secret form-encoded. Many servers do not decode them, so characters that need
 * no encoding stay as they are; the library would encode - and _ too.
 */
function basicAuthentication(secret: string): ClientAuth {
  return (_server, client, _body, headers) => {
    const pair = [client.client_id, secret].map(formEncode).join(':');
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

function formEncode(text: string): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return encoded.replaceAll('%20', '+');
}

async function introspect(
  { url, clientId, clientSecret, authMethod }: Introspection,
  outbound: Outbound,
  token: string,
  onClock: OnClock,
): Promise<Record<string, unknown>> {
  const server = { issuer: url, introspection_endpoint: url };
  // The library wants an id; without authentication it may be any.
  const client = { client_id: clientId || 'none' };
  const response = await introspectionRequest(
    server,
    client,
    authMethod === 'none' && clientId === '' ? () => {} : AUTH_METHODS[authMethod](clientSecret),
    token,
    {
      // The configuration has already validated the URL.
      [allowInsecureRequests]: true,
      [customFetch]: async (address, { headers, body }) => {
        const text = await outbound.fetchText(address, {
          method: 'POST',
          headers,
          body: String(body),
          maxBytes: MAX_BYTES,
          onClock,
        });
        return new Response(text, { headers: { 'content-type': 'application/json' } });
      },
    },
  );
  return processIntrospectionResponse(server, client, response);
}

function judge(
  answer: Record<string, unknown>,
  { rules, withoutExpiry }: Introspection,
  ids: UserIdRules,
  now: number,
): Outcome {
  const [issuer] = rules.issuers;
  const defaults = {
    // Both are optional in a response (RFC 7662 section 2.2); the endpoint belongs to the issuer.
    ...(issuer && { iss: issuer.iss }),
    ...(withoutExpiry && { exp: MAX_UNIX_SECONDS }),
  };
  try {
    if (answer.active !== true) throw refuse('inactive');
    checkIntrospectedKind(answer);
    return { credential: checkClaims({ ...defaults, ...answer }, rules, ids, now) };
  } catch (refusal) {
    if (!(refusal instanceof ServiceError)) throw refusal;
    return { refusal };
  }
}

/** Most 4xx concern one token and must not open the breaker; 401 and 403 concern our client. */
function isTokenError(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  const { status } = error;
  return status >= 400 && status < 500 && ![401, 403, 404, 405, 408, 429].includes(status);
}
