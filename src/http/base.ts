import { createServer, type RequestListener } from 'node:http';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type preParsingHookHandler,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { type Reason, ServiceError } from '../errors.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import { auditContext } from './audit.ts';
import { createTrust } from './client.ts';
import { createConnections } from './connections.ts';
import {
  type ClientErrorKind,
  createClientErrorHandler,
  refuseExpectation,
  refuseTunnels,
} from './problems/node-errors.ts';
import { type ProblemDetails, toProblemResponse, toServiceError } from './problems/response.ts';
import {
  addJsonParser,
  BODY_LIMIT_BYTES,
  commonHeaders,
  fieldErrors,
  hasBody,
  headerRefusal,
  MAX_HEADERS,
  requestIdOf,
} from './request.ts';

const KEEP_ALIVE_MS = 75_000;

const HTTP_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Bounds the memory of a connection: above it Node.js stops reading and applies backpressure to writes.
  highWaterMark: 4 * 1024,
  headersTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  // Node.js would respond without a body; headerRefusal responds with a problem.
  requireHostHeader: false,
};

/** Node.js destroys a half-closed socket before an asynchronous response is written, unless told otherwise. */
const HALF_OPEN = { httpAllowHalfOpen: true };

export type BaseAppOptions = {
  logger: FastifyBaseLogger;
  trustProxy?: readonly string[];
  /** Timeout for receiving a request. @default 10 s */
  requestTimeoutMs?: number;
  /** Timeout for a client that does not read its response. @default 10 s */
  stalledMs?: number;
  /** Log every response of 5xx, for a listener without an audit log. */
  logsFailures?: boolean;
  /** Called when bytes on a connection are not a request. */
  onClientError?(kind: ClientErrorKind): void;
  /** While true, every response has `Connection: close`. */
  draining(): boolean;
  /** Problem details that replace the default ones. */
  details?: ProblemDetails;
  /** Called before a 404 or 405; may reject. */
  beforeNotFound?(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Called before the response to a malformed URL; may reject. */
  beforeFrameworkError?(request: FastifyRequest): Promise<void>;
};

/** A Fastify application without routes that responds to every error with a problem (RFC 9457). */
export function createBaseApp(options: BaseAppOptions): FastifyInstance {
  const { draining, beforeFrameworkError = pass, beforeNotFound = pass } = options;
  const sendProblem = createProblemSender(options);
  // While draining, Node.js would keep the connections of requests in flight. After an ignored Upgrade it drops some
  // bytes and could parse the rest as a request.
  const closeWhereNeeded = ({ raw }: FastifyRequest, reply: FastifyReply) => {
    if (draining() || raw.headers.upgrade !== undefined || (hasBody(raw) && !raw.complete)) {
      reply.header('connection', 'close');
    }
  };
  const app: FastifyInstance = fastify({
    ...serverOptions(options),
    frameworkErrors: (error, request, reply) => {
      // Fastify runs no hooks for these errors.
      reply.headers(commonHeaders(request.id));
      closeWhereNeeded(request, reply);
      beforeFrameworkError(request).then(
        () => sendProblem(error, request, reply),
        (refusal) => sendProblem(refusal, request, reply),
      );
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('audit', null);
  app.setErrorHandler(sendProblem);
  addNotFoundHandler(app, beforeNotFound);
  addJsonParser(app);
  addContinue(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(commonHeaders(request.id));
    const refusal = headerRefusal(request.raw);
    // A proxy may parse the following bytes differently (request smuggling).
    if (refusal) reply.header('connection', 'close');
    done(refusal);
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    closeWhereNeeded(request, reply);
    done();
  });
  return app;
}

/** Sends 100 Continue once only the body itself can still be refused (RFC 9110 section 10.1.1). */
function addContinue(app: FastifyInstance): void {
  const askForBody: preParsingHookHandler = (request, reply, _payload, done) => {
    const { headers, httpVersion } = request.raw;
    if (headers.expect !== undefined && httpVersion === '1.1' && hasBody(request.raw)) {
      const length = Number(headers['content-length'] ?? 0);
      if (length <= request.routeOptions.bodyLimit) reply.raw.writeContinue();
    }
    done();
  };
  // After the hooks of the route.
  app.addHook('onRoute', (route) => {
    route.preParsing = [route.preParsing ?? [], askForBody].flat();
  });
}

async function pass(): Promise<void> {}

function serverOptions({
  logger,
  trustProxy = [],
  requestTimeoutMs = 10_000,
  stalledMs = 10_000,
  onClientError = () => {},
}: BaseAppOptions) {
  const connections = createConnections();
  return {
    serverFactory: (handle: RequestListener) => {
      const listener = connections.oneAtATime(handle);
      const server = createServer(HTTP_OPTIONS, listener);
      server.requestTimeout = requestTimeoutMs;
      server.maxHeadersCount = MAX_HEADERS + 1;
      Object.assign(server, HALF_OPEN);
      connections.watch(server, stalledMs);
      server.on('checkContinue', listener);
      server.on('checkExpectation', connections.oneAtATime(refuseExpectation));
      refuseTunnels(server, connections.endTunnel);
      // Node.js caches the address; after a reset it would be undefined.
      return server.on('connection', (socket) => void socket.remoteAddress);
    },
    loggerInstance: logger,
    // A child logger per request would cost more than the one line that is logged.
    childLoggerFactory: () => logger,
    logController: createLogController(),
    bodyLimit: BODY_LIMIT_BYTES,
    // 128 bytes of UTF-8, percent-encoded.
    routerOptions: { maxParamLength: 3 * 128 },
    return503OnClosing: false,
    requestIdHeader: false as const,
    genReqId: requestIdOf,
    clientErrorHandler: createClientErrorHandler(connections.endWith, onClientError),
    // A function, because Fastify does not trust an address with a port, which some proxies append.
    ...(trustProxy.length > 0 && { trustProxy: createTrust(trustProxy) }),
  };
}

/** Logs a failure behind the head of a response, such as of an export, like any other. */
function createLogController(): LogController {
  const controller = new LogController({ disableRequestLogging: true });
  return Object.assign(controller, {
    streamError(error: Error & { code?: string }, request: FastifyRequest) {
      // The client left.
      if (error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
      logFailure(toServiceError(error), request);
    },
  });
}

type SendProblem = (raised: unknown, request: FastifyRequest, reply: FastifyReply) => void;

function createProblemSender({ details, logsFailures }: BaseAppOptions): SendProblem {
  return (raised, request, reply) => {
    const errors = fieldErrors(raised);
    const error = errors ? new ServiceError('invalid_request', { errors }) : toServiceError(raised);
    const { code, extras } = error;
    const { code: reason, ...compared } = extras.reason ?? reasonOfCause(error) ?? {};
    Object.assign(auditContext(request), { code, ...(reason && { reason }), ...compared });
    // A client that disconnects while sending its body is not an internal error.
    if (code === 'internal_error' && extras.cause !== request.raw.errored) {
      request.log.error({ err: extras.cause, requestId: request.id }, 'internal error');
    }
    const { status, headers, body } = toProblemResponse(error, request.id, details);
    if (logsFailures && status >= 500 && code !== 'internal_error') {
      logFailure(error, request);
    }
    reply.code(status).headers(headers).send(body);
  };
}

/** Logs a response of 5xx with its cause. */
function logFailure({ code, extras }: ServiceError, request: FastifyRequest): void {
  const cause = causeOf(extras.cause);
  const reason = extras.reason?.code ?? (extras.cause ? cause.code : undefined);
  const problem = extras.cause ? describeCause(cause) : undefined;
  request.log.error({ code, reason, problem, requestId: request.id }, 'request failed');
}

/** The error code of a failed dependency. */
function reasonOfCause({ code, extras: { cause } }: ServiceError): Reason | undefined {
  return code === 'dependency_unavailable' && cause ? { code: causeOf(cause).code } : undefined;
}

/** The path of a request target in origin or absolute form, without query and fragment. */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*/, '');
}

/** Responds 405 with Allow when the path has routes for other methods, else 404. */
function addNotFoundHandler(
  app: FastifyInstance,
  before: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    methods.set(url, new Set([...known, ...[method].flat()]));
  });
  const notFound = ({ url }: FastifyRequest): ServiceError => {
    const allow = methods.get(pathOf(url));
    return allow
      ? new ServiceError('method_not_allowed', { allow: [...allow].sort() })
      : new ServiceError('not_found');
  };
  // Runs before the body is parsed, so that an invalid body does not change the response.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.is404) before(request, reply).then(() => done(notFound(request)), done);
    else done();
  });
  app.setNotFoundHandler((request) => {
    throw notFound(request);
  });
}
