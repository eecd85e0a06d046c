import { createServer, type RequestListener } from 'node:http';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ServiceError } from '../errors.ts';
import { addJsonParser, BODY_LIMIT_BYTES, fieldErrors } from './body.ts';
import { answerNodesOwn, createClientErrorHandler } from './client-errors.ts';
import { createConnections } from './connections.ts';
import { notesOf } from './decision.ts';
import { commonHeaders, headerRefusal, requestIdOf } from './headers.ts';
import { type ProblemDetails, toProblemResponse, toServiceError } from './problem-response.ts';

const KEEP_ALIVE_MS = 75_000;
/** A client that reads none of its answers for so long is disconnected. */
const STALLED_MS = 10_000;

export type BareAppOptions = {
  logger: FastifyBaseLogger;
  trustProxy?: readonly string[];
  /** How long a request may take to arrive. @default 10 s */
  requestTimeoutMs?: number;
  /** While true, every answer asks the client to connect anew. */
  draining(): boolean;
  /** Sentences that fit these routes better than the usual ones. */
  details?: ProblemDetails;
  /** May refuse a request that never reaches a route because its target cannot be read. */
  beforeFrameworkError?(request: FastifyRequest): Promise<void>;
};

/** A Fastify application without routes whose every answer, however early it fails, has our form. */
export function createBareApp(options: BareAppOptions): FastifyInstance {
  const { draining, details, beforeFrameworkError = async () => {} } = options;
  const sendProblem = createProblemSender(details);
  // Node keeps the connection of a request that was in flight when the server closed.
  const closeWhileDraining = (reply: FastifyReply) => {
    if (draining()) reply.header('connection', 'close');
  };
  const app: FastifyInstance = fastify({
    ...serverOptions(options),
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these.
      reply.headers(commonHeaders(request.id));
      closeWhileDraining(reply);
      beforeFrameworkError(request).then(
        () => sendProblem(error, request, reply),
        (refusal) => sendProblem(refusal, request, reply),
      );
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('decision', null);
  app.setErrorHandler(sendProblem);
  addNotFoundHandler(app);
  addJsonParser(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(commonHeaders(request.id));
    const refusal = headerRefusal(request.raw);
    // Whoever is in front of us may see another request in the bytes that follow.
    if (refusal) reply.header('connection', 'close');
    done(refusal);
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    closeWhileDraining(reply);
    done();
  });
  return app;
}

/** Node.js destroys a half-closed socket before an asynchronous response is written, unless told otherwise. */
const HALF_OPEN = { httpAllowHalfOpen: true };

const HTTP_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // What a connection may buffer beyond one read, each way.
  highWaterMark: 4 * 1024,
  headersTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  // Node's own refusal has no body; headerRefusal makes one.
  requireHostHeader: false,
};

function serverOptions({ logger, trustProxy = [], requestTimeoutMs = 10_000 }: BareAppOptions) {
  const connections = createConnections();
  return {
    serverFactory: (handle: RequestListener) => {
      const server = createServer(HTTP_OPTIONS, connections.serialize(handle));
      server.requestTimeout = requestTimeoutMs;
      connections.watch(server, STALLED_MS);
      Object.assign(server, HALF_OPEN);
      answerNodesOwn(server);
      // Asked for later, the address of a client that has reset its connection is not to be had.
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
    clientErrorHandler: createClientErrorHandler(connections.afterAnswers),
    ...(trustProxy.length > 0 && { trustProxy: [...trustProxy] }),
  };
}

type SendProblem = (raised: unknown, request: FastifyRequest, reply: FastifyReply) => void;

function createProblemSender(details?: ProblemDetails): SendProblem {
  return (raised, request, reply) => {
    const errors = fieldErrors(raised);
    const error = errors ? new ServiceError('invalid_request', { errors }) : toServiceError(raised);
    const notes = notesOf(request);
    notes.code = error.code;
    const { code: reason } = (error.extras.cause ?? {}) as { code?: string };
    if (reason !== undefined) notes.reason = reason;
    if (error.code === 'internal_error') {
      request.log.error({ err: error.extras.cause, requestId: request.id }, 'internal error');
    }
    const { status, headers, body } = toProblemResponse(error, request.id, details);
    reply.code(status).headers(headers).send(body);
  };
}

/** The path of a target in origin or absolute form, cut where the router cuts it. */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*/, '');
}

/** A path that is known by another method is 405, with the methods that it knows. */
function addNotFoundHandler(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    methods.set(url, new Set([...known, ...[method].flat()]));
  });
  const notFound = ({ url }: FastifyRequest): never => {
    const allow = methods.get(pathOf(url));
    throw allow
      ? new ServiceError('method_not_allowed', { allow: [...allow].sort() })
      : new ServiceError('not_found');
  };
  // Before the body is parsed, or a body that is no JSON would get another answer.
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (request.is404) notFound(request);
    done();
  });
  app.setNotFoundHandler(notFound);
}
