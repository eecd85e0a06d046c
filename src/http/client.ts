import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** The client disconnected before its connection was accepted. */
const NO_ADDRESS = 'unknown';

const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/i;
const MAPPED_BITS = 96;
const COUNTRY = /^[A-Z]{2}$/;

/**
 * An IP address without the port that some proxies append, and in IPv4 form if it is an IPv4-mapped IPv6 address, which
 * a dual-stack socket reports (RFC 4291 section 2.5.5.2); without a zone, which only names an interface of this machine.
 * Undefined if the text is not an address.
 */
function plainAddress(text: string): string | undefined {
  const [, v6, v4] = WITH_PORT.exec(text) ?? [];
  const [address] = (v6 ?? v4 ?? text).split('%', 1) as [string];
  if (isIPv4(address)) return address;
  return isIPv6(address) ? (unmapped(address) ?? address) : undefined;
}

/** The IPv4 address of an IPv4-mapped IPv6 address in any notation. */
function unmapped(address: string): string | undefined {
  if (!/^[0:]*:ffff:/i.test(address)) return undefined;
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(hostOf(address)) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bits = [high, low].map((group) => Number.parseInt(group, 16));
  return bits.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}

/** URL normalizes the address, so every notation is recognized. */
function hostOf(address: string): string {
  return URL.parse(`http://[${address}]`)?.hostname ?? '';
}

/** The client's address. If the forwarded value is not an address, the proxy's own address is used. */
export function clientAddress({ ip, raw }: FastifyRequest): string {
  return plainAddress(ip) ?? plainAddress(raw.socket.remoteAddress ?? '') ?? NO_ADDRESS;
}

/** Whether an address, as a socket or X-Forwarded-For has it, belongs to a trusted proxy. */
export type IsTrusted = (address: string) => boolean;

/** @param ranges IP addresses and CIDR ranges */
export function createTrust(ranges: readonly string[]): IsTrusted {
  // One list for each family: in a common one the IPv6 range ::/7 would contain all IPv4 addresses.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const [text, prefix] = range.split('/') as [string, string?];
    const address = plainAddress(text) as string;
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    const isMapped = family === 'ipv4' && isIPv6(text);
    const bits = Number(prefix ?? (isIPv6(text) ? 128 : 32)) - (isMapped ? MAPPED_BITS : 0);
    lists[family].addSubnet(address, bits, family);
  }
  return (text) => {
    const address = plainAddress(text);
    if (address === undefined) return false;
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    return lists[family].check(address, family);
  };
}

/** Reads the client's country; undefined unless a trusted proxy sends it. */
export type CountryOf = (request: FastifyRequest) => string | undefined;

/** Reads an ISO 3166-1 alpha-2 code from `header` if the direct peer is one of `proxies`. */
export function createCountryOf(header: string | undefined, proxies: readonly string[]): CountryOf {
  if (header === undefined) return () => undefined;
  const isTrusted = createTrust(proxies);
  return ({ headers, raw }) => {
    if (!isTrusted(raw.socket.remoteAddress ?? '')) return undefined;
    const country = headers[header];
    return typeof country === 'string' && COUNTRY.test(country) ? country : undefined;
  };
}
