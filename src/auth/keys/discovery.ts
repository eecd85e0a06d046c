import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi';
import { isSafeUrl } from '../../config/identity/provider-keys.ts';
import { fetchText } from '../../fetch.ts';
import { printable } from '../../messages/printable.ts';
import { withDeadline } from '../../time.ts';

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 2_000;
const KEEP_MS = 300_000;

/** The discovery document of an issuer (OpenID Connect Discovery 1.0, RFC 8414). */
export type Discovery = {
  /**
   * The URL of the key set.
   *
   * @throws {Error} when the document cannot be fetched, names another issuer, or has a forbidden jwks_uri
   */
  jwksUrl(): Promise<string>;
  /** The `issuer` of the last document. */
  issuer(): string | undefined;
  /** Invalidates the cached document. */
  forget(): void;
};

export type DiscoveryOptions = {
  issuer: string;
  allowHttp: boolean;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

type Document = { issuer: string; jwksUrl: string; readAt: number };

/** Fetches the document on first use and caches it for five minutes. */
export function createDiscovery({
  issuer,
  allowHttp,
  clock = () => performance.now(),
}: DiscoveryOptions): Discovery {
  let kept: Document | undefined;
  let isFresh = false;
  return {
    async jwksUrl() {
      if (kept && isFresh && clock() - kept.readAt < KEEP_MS) return kept.jwksUrl;
      const { issuer: spelling, jwks_uri: jwksUrl } = await readDocument(issuer);
      await checkKeySetAddress(issuer, jwksUrl, allowHttp);
      kept = { issuer: spelling, jwksUrl, readAt: clock() };
      isFresh = true;
      return jwksUrl;
    },
    issuer: () => kept?.issuer,
    forget() {
      isFresh = false;
    },
  };
}

async function readDocument(issuer: string): Promise<{ issuer: string; jwks_uri: string }> {
  try {
    return await readDocumentAs(issuer, 'oidc');
  } catch (error) {
    return readDocumentAs(issuer, 'oauth2').catch(() => {
      throw error;
    });
  }
}

async function readDocumentAs(issuer: string, algorithm: 'oidc' | 'oauth2') {
  const url = new URL(issuer);
  const response = await discoveryRequest(url, {
    algorithm,
    // The configuration has already validated the URL.
    [allowInsecureRequests]: true,
    [customFetch]: async (address) => {
      const text = await fetchText(address, { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS });
      return new Response(text);
    },
  });
  const document = (await response.clone().json()) as { issuer?: unknown } | null;
  // Ignore a trailing slash here; `iss` in credentials must match the document exactly.
  const bare = (one: unknown) => String(one).replace(/\/$/, '');
  if (typeof document?.issuer === 'string' && bare(document.issuer) !== bare(issuer)) {
    const shown = printable(document.issuer).slice(0, 200);
    const received = `the discovery document belongs to another issuer, ${shown}`;
    throw Object.assign(failure('OTHER_ISSUER', received), { received });
  }
  const expected = typeof document?.issuer === 'string' ? document.issuer : issuer;
  const checked = await processDiscoveryResponse(new URL(expected), response);
  if (typeof checked.jwks_uri !== 'string') {
    throw failure('NO_KEY_SET', 'the document has no jwks_uri');
  }
  return { issuer: checked.issuer, jwks_uri: checked.jwks_uri };
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

const INTERNAL = new BlockList();
for (const range of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/96',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
]) {
  const [address, prefix] = range.split('/') as [string, string];
  INTERNAL.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4');
}

type Lookup = (host: string) => Promise<readonly { address: string }[]>;

const lookupAll: Lookup = (host) => lookup(host, { all: true });

/**
 * Refuses a `jwks_uri` in the internal network unless the issuer is internal too (prevents SSRF).
 *
 * @throws {Error}
 */
export async function checkKeySetAddress(
  issuer: string,
  jwksUrl: string,
  allowHttp: boolean,
  resolve: Lookup = lookupAll,
): Promise<void> {
  if (!isSafeUrl(jwksUrl, allowHttp)) {
    throw failure('KEY_SET_IN_CLEAR', 'jwks_uri must be an https URL');
  }
  if (!(await isInternal(jwksUrl, resolve)) || (await isInternal(issuer, resolve))) return;
  throw failure('KEY_SET_INSIDE', 'jwks_uri is an internal address, and the issuer is not');
}

async function isInternal(address: string, resolve: Lookup): Promise<boolean> {
  const host = new URL(address).hostname.replace(/^\[|\]$/g, '');
  // The system resolver times out only after many seconds.
  const found = isIP(host)
    ? [{ address: host }]
    : await withDeadline(resolve(host), TIMEOUT_MS, () => {
        throw failure('EAI_AGAIN', 'the resolver did not answer in time');
      });
  return found.some((one) =>
    INTERNAL.check(one.address, isIP(one.address) === 6 ? 'ipv6' : 'ipv4'),
  );
}
