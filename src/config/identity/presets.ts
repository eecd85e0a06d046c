/** The claim that names the app that a credential is for. */
export const AUDIENCE_CLAIMS = ['aud', 'client_id', 'azp'] as const;

/** What becomes of tokens that are bound to a key of their sender; undefined: they are refused. */
export type SenderConstrained = 'ignore' | undefined;

export type AudienceClaim = (typeof AUDIENCE_CLAIMS)[number];

/** A token of another kind: a reason code, what was expected and what came. */
export type OtherKind = [code: string, expected: string, received: string];

/** Recognizes the other kinds of tokens that a provider signs with the same key. */
export type FindOtherKind = (
  claims: Readonly<Record<string, unknown>>,
  typ: unknown,
) => OtherKind | undefined;

/** The settings of a known identity provider; `value` is the text after the colon, without a trailing slash. */
type Preset = {
  /** The syntax in AUTH_PROVIDER. */
  form: string;
  /** Valid values; none has a port, and only URLs have a path. */
  value: RegExp;
  /** Valid values of `iss`; the first is canonical. `{tenantid}` is a placeholder for a tenant. */
  issuers(value: string): string[];
  jwksUrl(value: string): string;
  algorithms: readonly string[];
  audienceClaim: AudienceClaim;
  /** The audience derived from the value. */
  audience?(value: string): string;
  /** Its JWTs have no audience, and its key set belongs to one app. */
  withoutAudience?: true;
  /** Where to find the audience in the provider's console. */
  whichAudience: string;
  /** Claims that exclude other kinds of tokens. */
  requiredClaims?(
    audienceClaim: AudienceClaim,
    senderConstrained: SenderConstrained,
  ): Record<string, string>;
  /** Recognizes other kinds that no required claim excludes. */
  otherKind?: FindOtherKind;
  /** The same, where it depends on the value. */
  otherKindFor?(value: string): FindOtherKind;
  userClaim?(value: string): string;
  /** Extracts the value from an `iss`; absent where nothing in an `iss` names the provider. */
  fromIssuer?: RegExp;
};

/** A host name, not an IP address: the last label begins with a letter. */
const HOST = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;
const ADDRESS = /^https?:\/\/[a-z0-9.:[\]-]+(?:\/[\w.~-]+)*$/;
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHARED_TENANTS = ['common', 'organizations', 'consumers'];
const ENTRA = 'https://login.microsoftonline.com';

const isOrigin = (url: string) => URL.parse(url)?.pathname === '/';

/** AWS regions in China use the domain amazonaws.com.cn. */
function cognitoIssuer(value: string, host = 'cognito-idp'): string {
  const [region = '', pool] = value.split('/');
  return `https://${host}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/${pool}`;
}

/** Supabase's own hosts by the reference of the project, others by the issuer. */
function supabaseIssuer(value: string): string {
  return value.includes('/') ? value : `https://${value}.supabase.co/auth/v1`;
}

/** A project outside of the United States names its region between P and the last 27 characters. */
function descopeOrigin(project: string): string {
  const region = project.slice(1, -27);
  return `https://api.${region === '' ? '' : `${region}.`}descope.com`;
}

const B2C =
  /^(https:\/\/[a-z0-9.-]+)\/(?:tfp\/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([\w-]+)\/v2\.0$/;

function b2cParts(value: string) {
  const [, origin = '', tenant = '', policy = ''] = B2C.exec(value) ?? [];
  return { origin, tenant, policy };
}

/** A token of client credentials is about the client itself. */
const clientKind: FindOtherKind = ({ sub, client_id }) =>
  !isMissing(client_id) && client_id === sub ? ['claim_sub', 'a user', 'a client'] : undefined;

/** Policies of a tenant share an issuer, and may share keys: one that resets a password is another kind. */
function b2cKind(value: string): FindOtherKind {
  const policy = b2cParts(value).policy.toLowerCase();
  return ({ tfp, acr }) => {
    const given = tfp ?? acr;
    return typeof given === 'string' && given.toLowerCase() === policy
      ? undefined
      : ['claim_tfp', 'the policy in AUTH_PROVIDER', kindText(given ?? undefined)];
  };
}

/** The same key signs sessions, tokens of OAuth clients (`stt` 1 and 2) and whatever a backend signs with it. */
const supertokensKind: FindOtherKind = ({ stt, sessionHandle }) => {
  if (!isMissing(stt) && stt !== 0) return ['claim_stt', 'a session', 'a token of an OAuth client'];
  return typeof sessionHandle === 'string'
    ? undefined
    : ['claim_sessionHandle', 'a session', 'missing'];
};

const casdoorKind: FindOtherKind = ({ tokenType, type }) => {
  if (!isMissing(tokenType) && tokenType !== 'access-token') {
    return ['claim_tokenType', 'access-token', kindText(tokenType)];
  }
  return type === 'application' ? ['claim_type', 'a user', 'an application'] : undefined;
};

/** Some serializers write a claim that is absent as null. */
function isMissing(claim: unknown): boolean {
  return claim === undefined || claim === null;
}

function kindText(kind: unknown): string {
  if (kind === undefined) return 'missing';
  return typeof kind === 'string' && /^[\w.+-]{1,40}$/.test(kind) ? kind : 'another one';
}

/** Sessions that wait for an organization or a second factor are pending; machines and OAuth apps have no session. */
const clerkKind: FindOtherKind = ({ sts, sub }, typ) => {
  if (!isMissing(sts) && sts !== 'active') return ['claim_sts', 'active', kindText(sts)];
  if (typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)) {
    return ['header_typ', 'JWT', 'at+jwt'];
  }
  if (typeof sub === 'string' && sub.startsWith('mch_')) {
    return ['claim_sub', 'a user', 'a machine'];
  }
  return undefined;
};

/** A service account gets ID tokens for any audience that it asks for; it is its own `azp`. */
const googleKind: FindOtherKind = ({ azp, sub, email }) => {
  const isAccount = !isMissing(azp) && azp === sub;
  const hasItsAddress = typeof email === 'string' && email.endsWith('.gserviceaccount.com');
  return isAccount || hasItsAddress
    ? ['claim_azp', 'the client id of an app', 'a service account']
    : undefined;
};

/** Sources: each provider's page on verifying its tokens; see docs/identity-providers.md. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  firebase: {
    form: 'firebase:PROJECT_ID',
    value: /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
    issuers: (project) => [`https://securetoken.google.com/${project}`],
    jwksUrl: () =>
      'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    audience: (project) => project,
    whichAudience: 'the project id (Firebase console, Project settings)',
    fromIssuer: /^https:\/\/securetoken\.google\.com\/(.+)$/,
  },
  auth0: {
    form: 'auth0:DOMAIN',
    value: HOST,
    issuers: (domain) => [`https://${domain}/`],
    jwksUrl: (domain) => `https://${domain}/.well-known/jwks.json`,
    algorithms: ['RS256', 'PS256'],
    audienceClaim: 'aud',
    whichAudience: 'the identifier of your API (Auth0 dashboard, Applications, APIs)',
    fromIssuer: /^https:\/\/([^/]+\.auth0\.com)\/$/,
  },
  cognito: {
    form: 'cognito:REGION/POOL_ID',
    value: /^([a-z]{2}(?:-[a-z]+)+-\d)\/\1_[A-Za-z0-9]+$/,
    // A pool's issuer type is ORIGINAL or UPDATED; both have the keys of the pool.
    issuers: (value) => [cognitoIssuer(value), cognitoIssuer(value, 'issuer-cognito-idp')],
    jwksUrl: (value) => `${cognitoIssuer(value)}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audienceClaim: 'client_id',
    whichAudience: 'the client id of your app (Cognito console, App clients)',
    requiredClaims: (claim) => ({ token_use: claim === 'aud' ? 'id' : 'access' }),
    fromIssuer: /^https:\/\/(?:issuer-)?cognito-idp\.([^.]+)\.amazonaws\.com(?:\.cn)?\/(.+)$/,
  },
  supabase: {
    form: 'supabase:PROJECT_REF_OR_ISSUER_URL',
    value: new RegExp(`^[a-z0-9]{8,40}$|${ADDRESS.source}`),
    issuers: (value) => [supabaseIssuer(value)],
    jwksUrl: (value) => `${supabaseIssuer(value)}/.well-known/jwks.json`,
    algorithms: ['ES256', 'RS256', 'EdDSA'],
    audienceClaim: 'aud',
    audience: () => 'authenticated',
    whichAudience: 'authenticated, the audience of every signed-in user',
    // A third-party app of Supabase's OAuth server gets the same audience, and its `client_id`.
    otherKind: ({ client_id }) =>
      isMissing(client_id)
        ? undefined
        : ['claim_client_id', 'a session of your app', 'a token of an OAuth client'],
    fromIssuer: /^(?:https:\/\/([a-z0-9]+)\.supabase\.co\/auth\/v1|(https?:\/\/.+\/auth\/v1))$/,
  },
  clerk: {
    form: 'clerk:FRONTEND_API',
    value: HOST,
    issuers: (host) => [`https://${host}`],
    jwksUrl: (host) => `https://${host}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audienceClaim: 'azp',
    whichAudience: 'the origins of your web app, such as https://app.example',
    otherKind: clerkKind,
    fromIssuer: /^https:\/\/([^/]+\.clerk\.accounts\.dev|clerk\.[^/]+)$/,
  },
  keycloak: {
    form: 'keycloak:REALM_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/protocol/openid-connect/certs`,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    audienceClaim: 'azp',
    whichAudience: 'the client id of your app (Keycloak console, Clients)',
    // The claim `typ`, not the header: it is "ID" in an ID token of the same client.
    requiredClaims: (_claim, senderConstrained) =>
      senderConstrained === 'ignore' ? {} : { typ: 'Bearer' },
    otherKind: ({ typ }) =>
      typ === 'Bearer' || typ === 'DPoP' ? undefined : ['claim_typ', 'Bearer', kindText(typ)],
    fromIssuer: /^(https?:\/\/.+\/realms\/[^/]+)$/,
  },
  google: {
    form: 'google',
    value: /^$/,
    issuers: () => ['https://accounts.google.com', 'accounts.google.com'],
    jwksUrl: () => 'https://www.googleapis.com/oauth2/v3/certs',
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience: 'the OAuth client ids of your apps (Google Cloud console, Clients)',
    otherKind: googleKind,
    fromIssuer: /^(?:https:\/\/)?accounts\.google\.com()$/,
  },
  apple: {
    form: 'apple',
    value: /^$/,
    issuers: () => ['https://appleid.apple.com'],
    jwksUrl: () => 'https://appleid.apple.com/auth/keys',
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience: 'the bundle id of your app, or its Services ID (Apple Developer, Identifiers)',
    // A notification to servers has `events` as a text.
    otherKind: ({ events }) =>
      isMissing(events) ? undefined : ['claim_events', 'an ID token', 'a notification'],
    fromIssuer: /^https:\/\/appleid\.apple\.com()$/,
  },
  entra: {
    form: 'entra:TENANT_ID',
    value: new RegExp(`${GUID.source}|^(?:${SHARED_TENANTS.join('|')})$`),
    issuers(tenant) {
      const id = SHARED_TENANTS.includes(tenant) ? '{tenantid}' : tenant;
      return [`${ENTRA}/${id}/v2.0`, `https://sts.windows.net/${id}/`];
    },
    jwksUrl: (tenant) => `${ENTRA}/${tenant}/discovery/v2.0/keys`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience:
      'the client id or the Application ID URI of your API (Entra admin center, App registrations)',
    // An app that signs in as itself gets a token of any API of its tenant.
    otherKind: ({ idtyp }) =>
      isMissing(idtyp) || idtyp === 'user' ? undefined : ['claim_idtyp', 'user', kindText(idtyp)],
    fromIssuer:
      /^https:\/\/(?:login\.microsoftonline\.com|sts\.windows\.net)\/([^/]+)\/(?:v2\.0)?$/,
  },
  okta: {
    form: 'okta:AUTHORIZATION_SERVER_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    // Access tokens of the org authorization server are opaque to others; its ID tokens can be verified.
    jwksUrl: (url) => `${url}${isOrigin(url) ? '/oauth2' : ''}/v1/keys`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience: 'the audience of the authorization server (Okta admin console, Security, API)',
    // In access tokens `sub` is the login, usually an e-mail address.
    userClaim: (url) => (isOrigin(url) ? 'sub' : 'uid'),
    fromIssuer: /^(https:\/\/[^/]+\.okta(?:preview)?\.com(?:\/oauth2\/[^/]+)?)$/,
  },
  authing: {
    form: 'authing:APP_DOMAIN',
    value: HOST,
    issuers: (host) => [`https://${host}/oidc`],
    jwksUrl: (host) => `https://${host}/oidc/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience: 'the App ID (Authing console, Applications)',
    fromIssuer: /^https:\/\/([^/]+\.authing\.cn)\/oidc$/,
  },
  logto: {
    form: 'logto:ISSUER_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/jwks`,
    algorithms: ['ES384', 'RS256', 'ES256'],
    audienceClaim: 'aud',
    whichAudience: 'the identifier of your API (Logto console, API resources)',
    otherKind: clientKind,
    fromIssuer: /^(https:\/\/[^/]+\.logto\.app\/oidc)$/,
  },
  zitadel: {
    form: 'zitadel:ISSUER_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/oauth/v2/keys`,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    audienceClaim: 'aud',
    whichAudience:
      'the client id of your app, or the id of its project for all of its apps (ZITADEL console, Projects)',
    otherKind: clientKind,
    fromIssuer: /^(https:\/\/[^/]+\.zitadel\.cloud)$/,
  },
  authentik: {
    form: 'authentik:ISSUER_URL',
    value: ADDRESS,
    issuers: (url) => [`${url}/`],
    jwksUrl: (url) => `${url}/jwks/`,
    algorithms: ['RS256', 'ES256'],
    audienceClaim: 'aud',
    whichAudience: 'the client id of your app (authentik, Applications, Providers)',
    fromIssuer: /^(https?:\/\/.+\/application\/o\/[^/]+)\/$/,
  },
  hydra: {
    form: 'hydra:ISSUER_URL',
    value: ADDRESS,
    // Releases before 2.0 add a slash to the issuer.
    issuers: (url) => [url, `${url}/`],
    jwksUrl: (url) => `${url}/.well-known/jwks.json`,
    algorithms: ['RS256', 'ES256'],
    audienceClaim: 'client_id',
    whichAudience: 'the id of the OAuth client of your app',
    otherKind: clientKind,
  },
  supertokens: {
    form: 'supertokens:ISSUER_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/jwt/jwks.json`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    withoutAudience: true,
    whichAudience: 'none, as a session has no audience; or the aud that your backend adds',
    otherKind: supertokensKind,
  },
  casdoor: {
    form: 'casdoor:ISSUER_URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/.well-known/jwks`,
    algorithms: ['RS256', 'ES256'],
    audienceClaim: 'aud',
    whichAudience: 'the client id of your app (Casdoor, Applications)',
    otherKind: casdoorKind,
  },
  b2c: {
    form: 'b2c:https://NAME.b2clogin.com/TENANT_ID/POLICY/v2.0',
    value: B2C,
    issuers(value) {
      const { origin, tenant, policy } = b2cParts(value);
      const names = [...new Set([policy, policy.toLowerCase()])];
      return [
        `${origin}/${tenant}/v2.0/`,
        ...names.map((name) => `${origin}/tfp/${tenant}/${name}/v2.0/`),
      ];
    },
    jwksUrl(value) {
      const { origin, tenant, policy } = b2cParts(value);
      return `${origin}/${tenant}/${policy}/discovery/v2.0/keys`;
    },
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    whichAudience: 'the client id of your app or API (Azure AD B2C, App registrations)',
    otherKindFor: b2cKind,
    fromIssuer: /^(https:\/\/[^/]+\.b2clogin\.com\/tfp\/[^/]+\/[^/]+\/v2\.0)\/$/,
  },
  fusionauth: {
    form: 'fusionauth:URL',
    value: ADDRESS,
    issuers: (url) => [url],
    jwksUrl: (url) => `${url}/.well-known/jwks.json`,
    algorithms: ['RS256', 'ES256'],
    audienceClaim: 'aud',
    whichAudience: 'the client id of your app (FusionAuth, Applications)',
    otherKind: ({ tty }) =>
      isMissing(tty) || tty === 'at' || tty === 'id'
        ? undefined
        : ['claim_tty', 'at', kindText(tty)],
    fromIssuer: /^(https:\/\/[^/]+\.fusionauth\.io)$/,
  },
  workos: {
    form: 'workos:CLIENT_ID',
    value: /^client_[A-Za-z0-9]+$/,
    issuers: (client) => [
      `https://api.workos.com/user_management/${client}`,
      'https://api.workos.com',
      'https://api.workos.com/',
    ],
    jwksUrl: (client) => `https://api.workos.com/sso/jwks/${client}`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    withoutAudience: true,
    whichAudience: 'none, as a session has no audience; or the aud of your JWT template',
    // A session is a user's; machines and API keys have other subjects.
    otherKind: ({ sub }) =>
      typeof sub === 'string' && !sub.startsWith('user_')
        ? ['claim_sub', 'a user', 'another subject']
        : undefined,
    fromIssuer: /^https:\/\/api\.workos\.com\/user_management\/([^/]+)$/,
  },
  descope: {
    form: 'descope:PROJECT_ID',
    value: /^P[A-Za-z0-9]{4,60}$/,
    issuers: (project) => [`${descopeOrigin(project)}/${project}`, project],
    jwksUrl: (project) => `${descopeOrigin(project)}/v2/keys/${project}`,
    algorithms: ['RS256'],
    audienceClaim: 'aud',
    withoutAudience: true,
    whichAudience: 'none, as a session has no audience; or the aud of your JWT template',
    // A refresh token is DSR.
    otherKind: ({ drn }) => (drn === 'DS' ? undefined : ['claim_drn', 'DS', kindText(drn)]),
    fromIssuer: /^(?:https:\/\/api\.(?:[a-z0-9]+\.)?descope\.com\/)?(P[A-Za-z0-9]{27,})$/,
  },
  line: {
    form: 'line',
    value: /^$/,
    issuers: () => ['https://access.line.me'],
    jwksUrl: () => 'https://api.line.me/oauth2/v2.1/certs',
    algorithms: ['ES256'],
    audienceClaim: 'aud',
    whichAudience: 'the channel id (LINE Developers console, Basic settings)',
    fromIssuer: /^https:\/\/access\.line\.me()$/,
  },
};

/** The AUTH_PROVIDER value for an `iss`. */
export function presetOf(issuer: string): string | undefined {
  for (const [name, { fromIssuer, value }] of Object.entries(PRESETS)) {
    const parts = fromIssuer?.exec(issuer)?.slice(1);
    const found = parts?.filter((part) => part !== undefined).join('/');
    if (found !== undefined && value.test(found)) return found === '' ? name : `${name}:${found}`;
  }
  return undefined;
}
