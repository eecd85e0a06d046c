import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import { createTrust } from '../http/client.ts';

const HOST = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i;

/** What a browser's request says of the address that it was sent to. */
export type Address = {
  /** Lower case, without brackets. */
  name: string;
  /** That of the Host header, else the default one of the scheme. */
  port: number;
  isHttps: boolean;
};

/** The address bar of the browser that sent a request; undefined for a Host header that is none. */
export type AddressOf = (request: FastifyRequest) => Address | undefined;

/** @param proxies CIDR ranges whose X-Forwarded-Proto is believed */
export function createAddressOf(proxies: readonly string[]): AddressOf {
  const isTrusted = createTrust(proxies);
  return ({ headers, raw }) => {
    const [, v6, name, port] = HOST.exec(headers.host ?? '') ?? [];
    const host = v6 ?? name;
    if (host === undefined) return undefined;
    const isHttps =
      headers['x-forwarded-proto'] === 'https' && isTrusted(raw.socket.remoteAddress ?? '');
    return { name: host.toLowerCase(), port: Number(port ?? (isHttps ? 443 : 80)), isHttps };
  };
}

/** A name of this machine, which no one else can be asked for, or its address (RFC 6761 section 6.3). */
function isLoopback({ name }: Address): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * Refuses a name that is not ours: a page could have its own name point to this listener (DNS rebinding), and
 * would then be of the same origin. An IP address cannot be pointed elsewhere.
 *
 * @param names those that this listener has, in lower case
 * @throws {ServiceError} `host_not_allowed`
 */
export function requireHost(
  address: Address | undefined,
  names: readonly string[],
): asserts address is Address {
  const isOurs =
    address &&
    (address.name === 'localhost' || isIP(address.name) !== 0 || names.includes(address.name));
  if (!isOurs) throw new ServiceError('host_not_allowed');
}

/**
 * Refuses plain http, which shows the cookie to the network; but for this machine, as with a port-forward.
 *
 * @throws {ServiceError} `https_required`
 */
export function requireHttps(address: Address | undefined): void {
  if (!address || !(address.isHttps || isLoopback(address))) {
    throw new ServiceError('https_required');
  }
}

/**
 * Refuses a request that a page of another origin sent (Fetch Metadata, RFC 6454 section 7).
 *
 * @param whenUnknown the answer for a client that says neither
 * @throws {ServiceError} `cross_site`
 */
export function requireSameOrigin({ headers }: FastifyRequest, whenUnknown: boolean): void {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isSame =
    site === undefined
      ? origin === undefined
        ? whenUnknown
        : isOriginOf(origin, host)
      : site === 'same-origin';
  if (!isSame) throw new ServiceError('cross_site');
}

function isOriginOf(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return false;
  return URL.parse(`${url.protocol}//${host}`)?.host === url.host;
}
