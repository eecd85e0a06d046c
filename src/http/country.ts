import { BlockList, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

const COUNTRY = /^[A-Z]{2}$/;

/** Reads the client's country from a request; undefined when nobody trustworthy says it. */
export type CountryOf = (request: FastifyRequest) => string | undefined;

/** ISO 3166-1 alpha-2 from `header`, believed only when the peer itself is one of `proxies`. */
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
    const [address = '', prefix] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return list;
}
