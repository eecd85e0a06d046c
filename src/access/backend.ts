import { z } from 'zod';
import { BREAKER_PROBE_EVERY_MS, watchDependency } from '../dependency.ts';
import { ServiceError } from '../errors.ts';
import { fetchText, StatusError } from '../fetch.ts';
import { unixSecondsSchema } from '../identifiers.ts';
import {
  ACCESS_DENIALS,
  type AccessDecision,
  type AccessRequest,
  type AccessService,
} from './access.ts';

const MAX_BYTES = 16 * 1024;

const PROBE_REQUEST: AccessRequest = {
  userId: 'probe',
  roomId: 'probe',
  videoId: 'probe',
  country: undefined,
  requestId: 'probe',
};

export type BackendOptions = {
  url: string;
  /** Sent as a Bearer token; the backend must compare it. */
  secret: string;
  timeoutMs: number;
};

const answerSchema = z.discriminatedUnion('allow', [
  z.object({ allow: z.literal(true), notAfter: unixSecondsSchema.optional() }),
  z.object({
    allow: z.literal(false),
    code: z.enum(ACCESS_DENIALS),
    availableFrom: unixSecondsSchema.optional(),
  }),
]);

/**
 * The team's own backend decides. No valid decision in time is `dependency_unavailable`. The circuit breaker
 * opens when half of the requests fail, and lets one request through every 5 s.
 */
export function createBackendAccess(options: BackendOptions): AccessService {
  const backend = watchDependency({
    ask: (request: AccessRequest) => ask(options, request),
    probe: () => probe(options),
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    isClientError,
  });
  return {
    async check(request) {
      try {
        return await backend.ask(request);
      } catch (cause) {
        // A 4xx also counts as down until the next response: this request got no decision.
        backend.down();
        throw new ServiceError('dependency_unavailable', { cause });
      }
    },
    async probe() {
      try {
        await ask(options, PROBE_REQUEST);
      } catch (cause) {
        if (!isClientError(cause)) backend.down();
        throw new ServiceError('dependency_unavailable', { cause });
      }
    },
    healthy: backend.healthy,
    close: async () => backend.close(),
  };
}

/** Asks about ids that do not exist. A 4xx response also proves that the backend is reachable. */
async function probe(options: BackendOptions): Promise<void> {
  await ask(options, PROBE_REQUEST).catch((error) => {
    if (!isClientError(error)) throw error;
  });
}

/**
 * Most 4xx concern one request and must not open the breaker; 401 and 405 concern our secret and the URL.
 */
function isClientError(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  const { status } = error;
  return status >= 400 && status < 500 && ![401, 405, 408, 429].includes(status);
}

async function ask(
  { url, secret, timeoutMs }: BackendOptions,
  request: AccessRequest,
): Promise<AccessDecision> {
  const { userId, roomId, videoId, requestId } = request;
  const { country = null, issuer = null, subject = null } = request;
  const text = await fetchText(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId, roomId, videoId, country, requestId, issuer, subject }),
    maxBytes: MAX_BYTES,
    timeoutMs,
  });
  return answerSchema.parse(JSON.parse(text)) as AccessDecision;
}
