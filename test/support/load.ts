import { Agent, request } from 'node:http';
import { signFreshJwt } from './jwt.ts';

/** What a load saw. */
type LoadResult = {
  /** Answers by status; errors of the connection by their code. */
  seen: Map<string, number>;
  /** Milliseconds of the slowest answer. */
  slowestMs: number;
};

export type Load = { result: LoadResult; stop(): Promise<LoadResult> };

const BODY = JSON.stringify({ roomId: 'room', videoId: 'film' });

/** Asks for tokens over keep-alive connections, one request at a time on each, until it is stopped. */
export async function startLoad(
  origin: string,
  connections = 20,
  jwtSecret?: string,
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const authorization = `Bearer ${await signFreshJwt({}, jwtSecret)}`;
  const result: LoadResult = { seen: new Map(), slowestMs: 0 };
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      const started = performance.now();
      const outcome = await post(`${origin}/video-token`, agent, authorization);
      result.seen.set(outcome, (result.seen.get(outcome) ?? 0) + 1);
      result.slowestMs = Math.max(result.slowestMs, performance.now() - started);
    }
  };
  const clients = Array.from({ length: connections }, client);
  return {
    result,
    async stop() {
      stopped = true;
      await Promise.all(clients);
      agent.destroy();
      return result;
    },
  };
}

function post(url: string, agent: Agent, authorization: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const headers = { authorization, 'content-type': 'application/json' };
  request(url, { method: 'POST', agent, headers }, (response) => {
    response.resume();
    response.on('end', () => resolve(String(response.statusCode)));
    response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  })
    .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
    .end(BODY);
  return promise;
}
