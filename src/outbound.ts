import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { DIRECT, type OutboundConfig, type ProxyEnvironment } from './config/outbound.ts';
import { type FetchTextOptions, fetchText, readText, StatusError } from './fetch.ts';

type OutboundOptions = Omit<FetchTextOptions, 'timeoutMs'> & {
  /** Throws for an address that must not be connected to; not called where a proxy looks the name up. */
  checkAddress?(address: string): void;
  /** The address that was connected to; not called for a proxy. */
  onConnected?(address: string): void;
};

/** Sends requests to identity providers, and to nobody else. */
export type Outbound = {
  timeoutMs: number;
  /** Whether a proxy connects to the host of a URL, and so looks it up. */
  isProxied(url: string): boolean;
  /**
   * Fetches the body of a 200 response, as {@link fetchText} does.
   *
   * @throws {StatusError} on any other status
   * @throws {Error} when it fails; with `hint`, a sentence about a proxy that is not used
   */
  fetchText(url: string, options: OutboundOptions): Promise<string>;
};

type Resolve = typeof systemLookup;

/** @param resolve looks names up; tests replace it */
export function createOutbound(
  { timeoutMs, proxy, unusedProxy }: OutboundConfig = DIRECT,
  resolve: Resolve = systemLookup,
): Outbound {
  const direct = createAgents();
  const proxied = createAgents(proxy);
  const isProxied = (url: string) => proxy !== undefined && isSentByProxy(new URL(url), proxy);
  return {
    timeoutMs,
    isProxied,
    async fetchText(url, options) {
      const { checkAddress, onConnected, ...request } = options;
      const lookup = checkAddress && checkedLookup(checkAddress, resolve);
      const limits = { ...request, timeoutMs };
      try {
        if (isProxied(url)) return await send(new URL(url), { ...limits, agents: proxied });
        // fetch keeps connections, but tells no address and takes no lookup.
        if (!checkAddress && !onConnected) return await fetchText(url, limits);
        return await send(new URL(url), { ...limits, agents: direct, onConnected, lookup });
      } catch (error) {
        if (unusedProxy.length === 0 || error instanceof StatusError || isLoopback(new URL(url))) {
          throw error;
        }
        throw Object.assign(error as Error, { hint: hintOf(unusedProxy) });
      }
    },
  };
}

function hintOf(names: readonly string[]): string {
  return `${names.join(' and ')} is set and not used: OUTBOUND_PROXY=environment sends these requests by that proxy`;
}

type Agents = { http: http.Agent; https: https.Agent };

function createAgents(proxyEnv?: ProxyEnvironment): Agents {
  const options = proxyEnv ? { proxyEnv } : {};
  return { http: new http.Agent(options), https: new https.Agent(options) };
}

type SendOptions = Pick<OutboundOptions, 'method' | 'headers' | 'body' | 'maxBytes' | 'onClock'> & {
  timeoutMs: number;
  agents: Agents;
  lookup?: LookupFunction | undefined;
  onConnected?: OutboundOptions['onConnected'] | undefined;
};

function send(url: URL, options: SendOptions): Promise<string> {
  const { agents, lookup, onConnected, method = 'GET', headers, body } = options;
  const isTls = url.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signal = AbortSignal.timeout(options.timeoutMs);
  const fail = (error: unknown) => reject(signal.aborted ? signal.reason : error);
  const request = (isTls ? https : http).request(url, {
    agent: isTls ? agents.https : agents.http,
    method,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'zego-video-token', ...headers },
    signal,
    ...(lookup && { lookup }),
  });
  request.once('error', fail);
  request.once('response', (response) => {
    const { remoteAddress } = response.socket;
    if (remoteAddress) onConnected?.(remoteAddress);
    const { statusCode: status = 0 } = response;
    readText({ status, headers: headersOf(response), body: response }, options).then(resolve, fail);
  });
  request.end(body);
  return promise;
}

function headersOf({ headers }: http.IncomingMessage): Headers {
  const read = new Headers();
  for (const name of ['date', 'age', 'retry-after']) {
    const value = headers[name];
    if (typeof value === 'string') read.set(name, value);
  }
  return read;
}

/** Looks a name up for a connection, and lets it connect to no address that `checkAddress` refuses. */
function checkedLookup(checkAddress: (address: string) => void, resolve: Resolve): LookupFunction {
  return (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      try {
        if (error) throw error;
        for (const { address } of found) checkAddress(address);
      } catch (thrown) {
        callback(thrown as NodeJS.ErrnoException, '');
        return;
      }
      const [first] = found;
      if (options.all) callback(null, found);
      else callback(null, first?.address ?? '', first?.family);
    });
  };
}

function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])\.?$/i.test(hostname);
}

/** As Node.js and curl read NO_PROXY: names with all below them, `*`, and ports. Loopback is never sent by a proxy. */
function isSentByProxy(url: URL, proxy: ProxyEnvironment): boolean {
  const isTls = url.protocol === 'https:';
  if (!(isTls ? proxy.HTTPS_PROXY : proxy.HTTP_PROXY) || isLoopback(url)) return false;
  const port = url.port || (isTls ? '443' : '80');
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return !(proxy.NO_PROXY ?? '').split(/[\s,]+/).some((entry) => {
    const [, name = '', itsPort] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (name === '' || (itsPort && itsPort !== port)) return false;
    const bare = name.replace(/^\*?\./, '');
    return name === '*' || host === bare || host.endsWith(`.${bare}`);
  });
}

const INTERNAL = new BlockList();
/**
 * Of https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, what a network routes
 * to itself, or to any IPv4 address.
 */
for (const range of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // The wire server of Azure, which has a public address.
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
  // IPv4-compatible addresses, with the unspecified one and loopback.
  '::/96',
  // NAT64, well-known and local; both reach IPv4 addresses.
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  // Teredo and 6to4, which reach IPv4 addresses.
  '2001::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  // Site-local, deprecated and still routed in some networks.
  'fec0::/10',
  'ff00::/8',
]) {
  const [address, prefix] = range.split('/') as [string, string];
  INTERNAL.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4');
}

/** Whether an address is of a special range: one inside of a network, or none of a server. */
export function isInternalAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  return INTERNAL.check(bare, isIP(bare) === 6 ? 'ipv6' : 'ipv4');
}
