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
import { causeOf } from '../messages/causes.ts';
import { auditContext } from './audit.ts';
import { createConnections } from './connections.ts';
import {
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
  // Above this many buffered bytes Node.js stops reading from a connection, or accepting writes to it.
  highWaterMark: 4 * 1024,
  headersTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  // Node.js would answer without a body; headerRefusal answers a problem.
  requireHostHeader: false,
};

/** Node.js destroys a half-closed socket before an asynchronous response is written, unless told otherwise. */
const HALF_OPEN = { httpAllowHalfOpen: true };

export type BaseAppOptions = {
  logger: FastifyBaseLogger;
  trustProxy?: readonly string[];
  /** How long a request may take to arrive. @default 10 s */
  requestTimeoutMs?: number;
  /** How long a client may read nothing of its answer. @default 10 s */
  stalledMs?: number;
  /** While true, every answer asks the client to connect anew. */
  draining(): boolean;
  /** Sentences that fit these routes better than the usual ones. */
  details?: ProblemDetails;
  /** May refuse a request for which there is no route. */
  beforeNotFound?(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** May refuse a request whose target cannot be read. */
  beforeFrameworkError?(request: FastifyRequest): Promise<void>;
};

/** A Fastify application without routes whose every answer, however early it fails, is a problem of ours. */
export function createBaseApp(options: BaseAppOptions): FastifyInstance {
  const { draining, details, beforeFrameworkError = pass, beforeNotFound = pass } = options;
  const sendProblem = createProblemSender(details);
  // Node.js would keep the connection of a request that was in flight when the server closed. Behind an upgrade that is
  // ignored it drops a part of the bytes, and could read the rest as a request.
  const closeWhereNeeded = ({ raw }: FastifyRequest, reply: FastifyReply) => {
    if (draining() || raw.headers.upgrade !== undefined || (hasBody(raw) && !raw.complete)) {
      reply.header('connection', 'close');
    }
  };
  const app: FastifyInstance = fastify({
    ...serverOptions(options),
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these.
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
    // A proxy in front may see another request in the bytes that follow.
    if (refusal) reply.header('connection', 'close');
    done(refusal);
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    closeWhereNeeded(request, reply);
    done();
  });
  return app;
}

/** Asks a client that waits for 100 Continue for its body, once nothing but the body can be refused. */
function addContinue(app: FastifyInstance): void {
  const askForBody: preParsingHookHandler = (request, reply, _payload, done) => {
    const { raw } = request;
    const fits = Number(raw.headers['content-length'] ?? 0) <= request.routeOptions.bodyLimit;
    const isAwaited = raw.headers.expect !== undefined && raw.httpVersion === '1.1';
    if (isAwaited && hasBody(raw) && fits) reply.raw.writeContinue();
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
      // Read the address now: after a reset it is undefined.
      return server.on('connection', (socket) => void socket.remoteAddress);
    },
    loggerInstance: logger,
    // A child logger for each request would cost more than the one line that we write.
    childLoggerFactory: () => logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    // 128 bytes of UTF-8, percent-encoded.
    routerOptions: { maxParamLength: 3 * 128 },
    return503OnClosing: false,
    requestIdHeader: false as const,
    genReqId: requestIdOf,
    clientErrorHandler: createClientErrorHandler(connections.endWith),
    ...(trustProxy.length > 0 && { trustProxy: [...trustProxy] }),
  };
}

type SendProblem = (raised: unknown, request: FastifyRequest, reply: FastifyReply) => void;

function createProblemSender(details?: ProblemDetails): SendProblem {
  return (raised, request, reply) => {
    const errors = fieldErrors(raised);
    const error = errors ? new ServiceError('invalid_request', { errors }) : toServiceError(raised);
    const { code, extras } = error;
    const { code: reason, ...compared } = extras.reason ?? reasonOfCause(error) ?? {};
    Object.assign(auditContext(request), { code, ...(reason && { reason }), ...compared });
    // A client that leaves in the middle of its body is no fault of ours.
    if (code === 'internal_error' && extras.cause !== request.raw.errored) {
      request.log.error({ err: extras.cause, requestId: request.id }, 'internal error');
    }
    const { status, headers, body } = toProblemResponse(error, request.id, details);
    reply.code(status).headers(headers).send(body);
  };
}

/** The code of what a dependency threw. */
function reasonOfCause({ code, extras: { cause } }: ServiceError): Reason | undefined {
  return code === 'dependency_unavailable' && cause ? { code: causeOf(cause).code } : undefined;
}

/** The path of a target in origin or absolute form, cut where the router cuts it. */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*/, '');
}

/** A path that is known by another method is 405, with the methods that it knows. */
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
  // Before the body is parsed, or a body that is no JSON would get another answer.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.is404) before(request, reply).then(() => done(notFound(request)), done);
    else done();
  });
  app.setNotFoundHandler((request) => {
    throw notFound(request);
  });
}
