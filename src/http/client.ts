import { BlockList, isIP, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** The client disconnected before its connection was accepted. */
const NO_ADDRESS = 'unknown';

const WITH_PORT = /^(?:\[([\da-f:.]+)\]|([\d.]+)):\d+$/i;
const COUNTRY = /^[A-Z]{2}$/;

/**
 * The client's address, without the port that some proxies append. If the forwarded value is not an address,
 * the proxy's own address is used.
 */
export function clientAddress({ ip, raw }: FastifyRequest): string {
  const [, v6, v4] = WITH_PORT.exec(ip) ?? [];
  const address = v6 ?? v4 ?? ip;
  return isIP(address) ? address : (raw.socket.remoteAddress ?? NO_ADDRESS);
}

/** Reads the client's country; undefined unless a trusted proxy sends it. */
export type CountryOf = (request: FastifyRequest) => string | undefined;

/** Reads an ISO 3166-1 alpha-2 code from `header` if the direct peer is one of `proxies`. */
export function createCountryOf(header: string | undefined, proxies: readonly string[]): CountryOf {
  if (header === undefined) return () => undefined;
  const trusted = toBlockList(proxies);
  return ({ headers, raw }) => {
    const peer = raw.socket.remoteAddress ?? '';
    if (!trusted.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4')) return undefined;
    const country = headers[header];
    return typeof country === 'string' && COUNTRY.test(country) ? country : undefined;
  };
}

function toBlockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address, prefix] = range.split('/') as [string, string?];
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return list;
}
