import CircuitBreaker from 'opossum';
import { z } from 'zod';
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
const PROBE_EVERY_MS = 5_000;
const FAILURES_IN_MS = 10_000;
const FAILURES_PERCENT = 50;
const FAILURES_AT_LEAST = 5;

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
 * The team's own backend decides. Anything but a decision in time is `dependency_unavailable`; when
 * half of the questions fail the breaker opens, and one question in 5 s goes through to try.
 */
export function createBackendAccess(options: BackendOptions): AccessService {
  const breaker = new CircuitBreaker((request: AccessRequest) => ask(options, request), {
    // The request has its own deadline; another one here would leave it running.
    timeout: false,
    resetTimeout: PROBE_EVERY_MS,
    rollingCountTimeout: FAILURES_IN_MS,
    errorThresholdPercentage: FAILURES_PERCENT,
    volumeThreshold: FAILURES_AT_LEAST,
    errorFilter: isClientError,
  });
  let healthy = true;
  return {
    async check(request) {
      try {
        const decision = await breaker.fire(request);
        healthy = true;
        return decision;
      } catch (cause) {
        healthy = false;
        throw new ServiceError('dependency_unavailable', { cause });
      }
    },
    healthy: () => healthy,
    close: async () => breaker.shutdown(),
  };
}

/** A backend that refuses one question is well: nobody may open the breaker for all by asking it. */
function isClientError(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  const { status } = error;
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
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
