import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi';
import { isSafeUrl } from '../../config/identity/provider-keys.ts';
import { DIRECT } from '../../config/outbound.ts';
import { printable } from '../../messages/printable.ts';
import { createOutbound, isInternalAddress, type Outbound } from '../../outbound.ts';
import { withDeadline } from '../../time.ts';

const MAX_BYTES = 256 * 1024;
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
  /**
   * Throws for an address of the key set in the internal network, unless the document came from there.
   */
  checkAddress(address: string): void;
  /** Invalidates the cached document. */
  forget(): void;
};

export type DiscoveryOptions = {
  issuer: string;
  allowHttp: boolean;
  /** Monotonic milliseconds. */
  clock?: () => number;
  outbound?: Outbound;
};

type Document = { issuer: string; jwksUrl: string; readAt: number };

/** Fetches the document on first use and caches it for five minutes. */
export function createDiscovery({
  issuer,
  allowHttp,
  clock = () => performance.now(),
  outbound = createOutbound(),
}: DiscoveryOptions): Discovery {
  let kept: Document | undefined;
  let isFresh = false;
  let isInside = false;
  const onConnected = (address: string) => {
    isInside = isInternalAddress(address);
  };
  return {
    async jwksUrl() {
      if (kept && isFresh && clock() - kept.readAt < KEEP_MS) return kept.jwksUrl;
      const { issuer: spelling, jwks_uri: jwksUrl } = await readDocument(issuer, {
        outbound,
        onConnected,
      });
      // A proxy looks the names up that it connects to.
      const resolve = outbound.isProxied(jwksUrl) ? async () => [] : lookupAll;
      await checkKeySetAddress(issuer, jwksUrl, allowHttp, resolve, outbound.timeoutMs);
      kept = { issuer: spelling, jwksUrl, readAt: clock() };
      isFresh = true;
      return jwksUrl;
    },
    issuer: () => kept?.issuer,
    checkAddress(address) {
      if (isInternalAddress(address) && !isInside) throw inside();
    },
    forget() {
      isFresh = false;
    },
  };
}

type Connection = { outbound: Outbound; onConnected(address: string): void };

async function readDocument(
  issuer: string,
  connection: Connection,
): Promise<{ issuer: string; jwks_uri: string }> {
  try {
    return await readDocumentAs(issuer, 'oidc', connection);
  } catch (error) {
    return readDocumentAs(issuer, 'oauth2', connection).catch(() => {
      throw error;
    });
  }
}

async function readDocumentAs(
  issuer: string,
  algorithm: 'oidc' | 'oauth2',
  { outbound, onConnected }: Connection,
) {
  const url = new URL(issuer);
  const response = await discoveryRequest(url, {
    algorithm,
    // The configuration has already validated the URL.
    [allowInsecureRequests]: true,
    [customFetch]: async (address) => {
      const text = await outbound.fetchText(address, { maxBytes: MAX_BYTES, onConnected });
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
  timeoutMs = DIRECT.timeoutMs,
): Promise<void> {
  if (!isSafeUrl(jwksUrl, allowHttp)) {
    throw failure('KEY_SET_IN_CLEAR', 'jwks_uri must be an https URL');
  }
  const isInside = async (url: string) => {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    // The system resolver times out only after many seconds.
    const found = isIP(host)
      ? [{ address: host }]
      : await withDeadline(resolve(host), timeoutMs, () => {
          throw failure('EAI_AGAIN', 'the resolver did not answer in time');
        });
    return found.some((one) => isInternalAddress(one.address));
  };
  if (!(await isInside(jwksUrl)) || (await isInside(issuer))) return;
  throw inside();
}

function inside(): Error {
  return failure('KEY_SET_INSIDE', 'jwks_uri is an internal address, and the issuer is not');
}
