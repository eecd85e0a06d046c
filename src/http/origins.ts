import type { FastifyInstance } from 'fastify';

const LOG_EVERY_MS = 60_000;
/** Maximum number of log lines per minute. */
const MAX_ORIGINS = 20;
const MAX_LENGTH = 200;

/** Events for requests from origins that are not allowed. */
export type OriginEvents = {
  /** Called for each request. */
  onRefused(): void;
  /** Called once a minute for each origin. */
  onNewOrigin(origin: string): void;
};

/**
 * Reports requests from origins that are not allowed: the browser blocks the response, and nothing else on the
 * server shows it.
 *
 * @param clock monotonic milliseconds
 */
export function watchOrigins(
  app: FastifyInstance,
  allowed: readonly string[],
  { onRefused, onNewOrigin }: OriginEvents,
  clock = () => performance.now(),
): void {
  const seen = new Set<string>();
  let since = clock();
  const report = (origin: string, host: string) => {
    const url = URL.parse(origin);
    // Same-origin requests need no CORS.
    if (url?.host === host && host !== '') return;
    onRefused();
    if (clock() - since >= LOG_EVERY_MS) {
      seen.clear();
      since = clock();
    }
    const name = url ? `${url.protocol}//${url.host}`.slice(0, MAX_LENGTH) : 'null';
    if (seen.has(name) || seen.size >= MAX_ORIGINS) return;
    seen.add(name);
    onNewOrigin(name);
  };
  app.addHook('onRequest', (request, _reply, done) => {
    const { origin } = request.headers;
    if (origin !== undefined && !allowed.includes(origin)) report(origin, request.host);
    done();
  });
}
