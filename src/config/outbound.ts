import type { ConfigProblem, Result } from './problems.ts';

/** A forward proxy, as the environment names it for each scheme. */
export type ProxyEnvironment = { HTTP_PROXY?: string; HTTPS_PROXY?: string; NO_PROXY?: string };

/** How requests to identity providers are sent. */
export type OutboundConfig = {
  timeoutMs: number;
  /** Sends them by a proxy (OUTBOUND_PROXY=environment). */
  proxy: ProxyEnvironment | undefined;
  /** Variables that name a proxy, which is not used. */
  unusedProxy: readonly string[];
};

export const DIRECT: OutboundConfig = { timeoutMs: 2_000, proxy: undefined, unusedProxy: [] };

const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY'] as const;

/** Reads AUTH_TIMEOUT_MS and OUTBOUND_PROXY, with the variables that curl and others read in both cases. */
export function readOutbound(texts: Readonly<Record<string, string>>): Result<OutboundConfig> {
  const problems: ConfigProblem[] = [];
  // The schema of the variable reports an invalid value.
  const timeoutMs = Number(texts.AUTH_TIMEOUT_MS ?? DIRECT.timeoutMs);
  const named = PROXIES.flatMap((name) => {
    const variable = [name.toLowerCase(), name].find((one) => texts[one]);
    return variable ? [{ name, variable, url: texts[variable] ?? '' }] : [];
  });
  if (texts.OUTBOUND_PROXY !== 'environment') {
    const unusedProxy = named.map(({ variable }) => variable);
    return { value: { timeoutMs, proxy: undefined, unusedProxy }, problems };
  }
  if (named.length === 0) {
    const message =
      'is environment, but neither HTTPS_PROXY nor HTTP_PROXY is set: set one, or remove it';
    problems.push({ variable: 'OUTBOUND_PROXY', message });
  }
  const proxy: ProxyEnvironment = {};
  for (const { name, variable, url } of named) {
    if (isProxyUrl(url)) proxy[name] = url;
    else {
      const message =
        'must be the http:// or https:// URL of a proxy, without a path; others (SOCKS) are not supported';
      problems.push({ variable, message });
    }
  }
  const exceptions = texts.no_proxy ?? texts.NO_PROXY;
  if (exceptions !== undefined) proxy.NO_PROXY = exceptions;
  return { value: { timeoutMs, proxy, unusedProxy: [] }, problems };
}

function isProxyUrl(text: string): boolean {
  const { protocol = '', pathname, search, hash } = URL.parse(text) ?? {};
  return /^https?:$/.test(protocol) && pathname === '/' && !search && !hash;
}

/** The proxies as host and port, without user and password. */
export function proxyAddresses({ HTTPS_PROXY, HTTP_PROXY }: ProxyEnvironment): string {
  const all = Object.entries({ HTTPS_PROXY, HTTP_PROXY });
  return all
    .flatMap(([name, url]) => (url ? `${name} (${URL.parse(url)?.host})` : []))
    .join(' and ');
}
