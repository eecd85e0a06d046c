import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type JWK } from 'oidc-provider';

/** A running OpenID provider that none of us wrote. */
export type OidcProvider = {
  issuer: string;
  port: number;
  /** An access token in JWT form, for the audience of the tests, signed with `alg`. */
  accessToken(alg: string): Promise<string>;
  stop(): Promise<void>;
};

export const AUDIENCE = 'zego-video-token';
const CLIENT_SECRET = 'secret-of-the-client';

/** Starts a provider with these signing keys; on a port of before it is the same issuer again. */
export async function startOidcProvider(
  keys: Record<string, unknown>[],
  port = 0,
): Promise<OidcProvider> {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.listen(port, '127.0.0.1', listening.resolve);
  await listening.promise;
  const actualPort = (server.address() as AddressInfo).port;
  const issuer = `http://127.0.0.1:${actualPort}`;
  const answer = createProvider(issuer, keys).callback();
  server.on('request', (request, response) => {
    // A kept connection would still lead to this provider when another one has its port.
    response.shouldKeepAlive = false;
    answer(request, response);
  });
  return {
    issuer,
    port: actualPort,
    async accessToken(alg) {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`alice:${CLIENT_SECRET}`)}` },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          resource: `urn:signed-with:${alg}`,
        }),
      });
      const body = (await response.json()) as { access_token?: string };
      if (body.access_token === undefined) throw new Error(JSON.stringify(body));
      return body.access_token;
    },
    stop() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

function createProvider(issuer: string, keys: Record<string, unknown>[]): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'alice',
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: (keys[0]?.alg ?? 'RS256') as 'RS256',
      },
    ],
    jwks: { keys: keys as unknown as JWK[] },
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource.split(':').at(-1) as 'ES256' } },
        }),
      },
    },
  });
}
