import type { FastifyInstance } from 'fastify';

const LOG_EVERY_MS = 60_000;
/** Lines a minute, however many origins there are. */
const MAX_ORIGINS = 20;
const MAX_LENGTH = 200;

/** What to do about a page of an origin that is not allowed. */
export type OriginEvents = {
  /** Each request of such a page. */
  onRefused(): void;
  /** The same, once a minute for each origin. */
  onNewOrigin(origin: string): void;
};

/**
 * Notices requests of pages whose origin is not allowed: the browser keeps the answer from them, and nothing else
 * on the server's side would tell.
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
  const notice = (origin: string, host: string) => {
    const url = URL.parse(origin);
    // A page of the service's own host needs no permission.
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
    if (origin !== undefined && !allowed.includes(origin)) notice(origin, request.host);
    done();
  });
}
