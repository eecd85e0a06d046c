import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** A client that was gone before it was accepted. */
const NOWHERE = 'unknown';

const WITH_PORT = /^(?:\[([\da-f:.]+)\]|([\d.]+)):\d+$/i;

/**
 * The client's address. Some proxies forward it with its port, which would make every connection
 * another client; what is no address at all stands for the proxy that sent it.
 */
export function clientAddress({ ip, raw }: FastifyRequest): string {
  if (isIP(ip)) return ip;
  const [, v6, v4] = WITH_PORT.exec(ip) ?? [];
  const address = v6 ?? v4 ?? ip;
  return isIP(address) ? address : (raw.socket.remoteAddress ?? NOWHERE);
}
