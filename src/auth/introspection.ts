import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  allowInsecureRequests,
  ClientSecretBasic,
  customFetch,
  introspectionRequest,
  processIntrospectionResponse,
} from 'oauth4webapi';
import type { Introspection } from '../config/identity/introspection.ts';
import type { UserIdRules } from '../config/identity/providers.ts';
import { BREAKER_PROBE_EVERY_MS, watchDependency } from '../dependency.ts';
import { ServiceError } from '../errors.ts';
import { fetchText, StatusError } from '../fetch.ts';
import { MAX_UNIX_SECONDS } from '../identifiers.ts';
import { causeOf } from '../messages/causes.ts';
import { type Credential, checkClaims, refuse } from './claims.ts';
import { checkIntrospectedKind } from './kinds.ts';
import { STRICT_IDS } from './user-id.ts';
import type { AuthEvents, Verifier } from './verifier.ts';

const MAX_TOKEN_BYTES = 12 * 1024;
const MAX_BYTES = 16 * 1024;
const TIMEOUT_MS = 2_000;
const ACTIVE_MS = 30_000;
const REFUSED_MS = 5_000;
const CACHE_ENTRIES = 20_000;
const CACHE_CHARACTERS = 16_000_000;

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
): Verifier {
  const cache = createCache();
  const pending = new Map<string, Promise<Outcome>>();
  const name = introspection.rules.issuers[0]?.canonical ?? introspection.url;
  const request = (token: string) =>
    introspect(introspection, token, (seconds) => events.clockCompared(name, seconds));
  const endpoint = watchDependency({
    ask: request,
    probe: () => request('probe'),
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    isClientError: isTokenError,
  });

  async function ask(token: string): Promise<Record<string, unknown>> {
    try {
      return await endpoint.ask(token);
    } catch (error) {
      // The library's errors include the response, which is personal data.
      const reason = { code: 'introspection_unavailable', received: causeOf(error).code };
      throw new ServiceError('dependency_unavailable', { reason });
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
      const key = createHash('sha256').update(token).digest('base64url');
      const known = cache.get(key);
      events.cache(known ? 'hit' : 'miss');
      let asked = known ?? pending.get(key);
      if (!asked) {
        asked = decide(key, token, now).finally(() => pending.delete(key));
        pending.set(key, asked);
      }
      const outcome = await asked;
      if ('refusal' in outcome) throw outcome.refusal;
      if (outcome.credential.expiresAt <= now) throw new ServiceError('credential_expired');
      return outcome.credential;
    },
    healthy: endpoint.healthy,
    close: endpoint.close,
  };
}

/** Introspects a token that does not exist. Rejects if the endpoint is unreachable or refuses our client. */
export async function probeIntrospection(
  introspection: Introspection,
  onClock: OnClock,
): Promise<void> {
  await introspect(introspection, 'probe', onClock);
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

async function introspect(
  { url, clientId, clientSecret }: Introspection,
  token: string,
  onClock: OnClock,
): Promise<Record<string, unknown>> {
  const server = { issuer: url, introspection_endpoint: url };
  const client = { client_id: clientId };
  const response = await introspectionRequest(
    server,
    client,
    ClientSecretBasic(clientSecret),
    token,
    {
      // The configuration has already validated the URL.
      [allowInsecureRequests]: true,
      [customFetch]: async (address, { headers, body }) => {
        const text = await fetchText(address, {
          method: 'POST',
          headers,
          body: String(body),
          maxBytes: MAX_BYTES,
          timeoutMs: TIMEOUT_MS,
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
