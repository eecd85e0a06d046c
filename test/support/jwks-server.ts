import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server on loopback whose answer a test can change at any time. */
export type JwksServer = {
  url: string;
  answer: RequestListener;
  /** How many requests came. */
  requests(): number;
  stop(): Promise<void>;
};

/** Answers with a key set. */
export function keySet(...keys: object[]): RequestListener {
  return (_request, response) => response.end(JSON.stringify({ keys }));
}

/** Starts a server; stops it when the test ends. */
export async function openJwksServer(answer: RequestListener): Promise<JwksServer> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    opened.answer(request, response);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    server.closeAllConnections();
    return closed.promise;
  };
  onTestFinished(stop);
  const url = `http://127.0.0.1:${port}/jwks`;
  const opened: JwksServer = { url, answer, requests: () => requests, stop };
  return opened;
}
