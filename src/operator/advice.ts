import { randomBytes } from 'node:crypto';
import type { ExplainedClaim } from '../auth/claims.ts';
import { AUDIENCE_CLAIMS, PRESETS, presetOf } from '../config/identity/presets.ts';
import { ConfigError } from '../config/problems.ts';
import type { Reason } from '../errors.ts';
import { printable } from '../messages/printable.ts';

/** Settings by variable; an empty one takes the variable away. */
export type Settings = Readonly<Record<string, string>>;

type Claims = Readonly<Record<string, unknown>>;

/** A JWT, and how the service would judge it. */
export type Trial = {
  alg: string;
  claims: Claims;
  environment: Settings;
  /** Runs all checks with other settings; throws a ConfigError where the service would not start with them. */
  check(settings: Settings): Promise<ExplainedClaim[]>;
};

/** Settings with which the service has accepted the JWT, or why there are none. */
export type Advice = { settings: string[]; why?: string };

const ROUNDS = 12;
const KEY_SOURCES = [
  'AUTH_JWT_SECRET',
  'AUTH_JWT_PUBLIC_KEY',
  'AUTH_JWKS_FILE',
  'AUTH_JWKS_URL',
  'AUTH_PROVIDERS_FILE',
  'AUTH_PROVIDER',
  'AUTH_INTROSPECTION_URL',
  'AUTH_ISSUER',
];
/** Common user claims besides `sub`. */
const USER_CLAIMS = ['user_id', 'userId', 'uid', 'id', 'username'];
const ENCODINGS = ['text', 'base64', 'base64url', 'hex'];
/** A value that needs no quotes in `.env`, a shell or YAML, and is one item of a list. */
const PLAIN_VALUE = /^[\w.~:/@+=%-]{1,200}$/;

/**
 * Looks for settings that make the service accept a JWT: it changes one thing after the other that a check refuses, and
 * tries the result. Keys that are configured stay as they are; nothing of a JWT counts that they do not verify.
 */
export async function adviseSettings(trial: Trial): Promise<Advice> {
  let settings: Settings = {};
  for (let round = 0; round < ROUNDS; round++) {
    const refusals = await refusalsOf(trial, settings);
    const [first] = refusals;
    if (!first) return { settings: lines(trial, settings) };
    const next = change(first, settings, trial);
    if (typeof next === 'string') return { settings: [], why: next };
    settings = { ...settings, ...next };
  }
  return { settings: [], why: NOTHING_FOUND };
}

async function refusalsOf({ check }: Trial, settings: Settings): Promise<Reason[]> {
  try {
    return (await check(settings)).flatMap(({ refusal }) => refusal ?? []);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [problem] = error.problems;
    return [{ code: 'configuration', ...(problem && { expected: problem.variable }) }];
  }
}

/** What a refusal asks for; a text says why nothing can be changed. */
function change(refusal: Reason, settings: Settings, trial: Trial): Settings | string {
  const { code, expected = '', received } = refusal;
  const current = { ...trial.environment, ...settings };
  if (code === 'configuration') return completeConfiguration(expected, settings, current, trial);
  if (code === 'alg_not_allowed') return changeAlgorithm(settings, trial);
  if (code === 'signature') return changeEncoding(settings, current, trial);
  if (code === 'claim_iss' || code === 'issuer_unknown')
    return changeIssuer(settings, current, trial);
  if (AUDIENCE_CLAIMS.some((claim) => code === `claim_${claim}`)) {
    return changeAudience(settings, current, trial);
  }
  if (expected.startsWith('a user id in ')) return changeUserClaim(settings, trial);
  if (code.endsWith('_type') && received === 'a number' && !settings.AUTH_USER_CLAIM_NUMERIC) {
    return { AUTH_USER_CLAIM_NUMERIC: 'true' };
  }
  if (code === 'user_id_refused_by_zego' && current.AUTH_USER_ID !== 'hash')
    return hashIds(current);
  const wanted = expected === '' ? code : `${code}: expected ${expected}`;
  return WHY[code] ?? `no setting changes what is refused (${wanted})`;
}

const WHY: Readonly<Record<string, string>> = {
  credential_expired: 'it has expired: try a fresh one',
  key_not_in_set: 'none of the configured keys has signed it: it is of another provider or project',
  key_unknown: 'the keys of its provider cannot be fetched now: doctor says why',
  jwks_unavailable: 'the keys of its provider cannot be fetched: doctor says why',
};

function completeConfiguration(
  variable: string,
  settings: Settings,
  current: Settings,
  trial: Trial,
): Settings | string {
  const hasKeys = KEY_SOURCES.some((name) => current[name] || current[`${name}_FILE`]);
  if (!hasKeys) return findProvider(trial);
  if (variable === 'AUTH_AUDIENCE' && !current.AUTH_AUDIENCE) {
    return changeAudience(settings, current, trial);
  }
  // A trial that cannot start says nothing of the configuration as it is.
  if (settings.AUTH_JWT_SECRET_ENCODING) return changeEncoding(settings, current, trial);
  if (settings.AUTH_ALGORITHMS) return OTHER_ALGORITHM;
  if (Object.keys(settings).length > 0) return NOTHING_FOUND;
  return `the configuration is refused at the start (${variable}): correct it first`;
}

/** Without any key, the issuer names the provider whose keys are tried. */
function findProvider({ alg, claims: { iss } }: Trial): Settings | string {
  const issuer = settingOf(iss);
  if (alg.startsWith('HS')) {
    const beside = issuer ? ` and AUTH_ISSUER=${issuer} beside it` : '';
    return `it is signed with a shared secret, which is not configured: set AUTH_JWT_SECRET to it${beside}, then try again`;
  }
  const preset = issuer && presetOf(issuer);
  if (preset) return { AUTH_PROVIDER: preset };
  if (issuer && /^https?:/.test(issuer)) return { AUTH_ISSUER: issuer };
  return 'its issuer is no address, so its keys cannot be found: set AUTH_JWT_PUBLIC_KEY or AUTH_JWKS_URL first';
}

const OTHER_ALGORITHM = 'none of the configured keys can have signed it: its alg is another';
const NOTHING_FOUND = 'no setting was found that makes the service accept it';

function changeAlgorithm(settings: Settings, { alg }: Trial): Settings | string {
  const isKnown = /^(?:HS|RS|PS|ES)(?:256|384|512)$|^EdDSA$|^Ed25519$/.test(alg);
  return isKnown && !settings.AUTH_ALGORITHMS ? { AUTH_ALGORITHMS: alg } : OTHER_ALGORITHM;
}

/** Many libraries decode a secret before they sign with it. */
function changeEncoding(settings: Settings, current: Settings, { alg }: Trial): Settings | string {
  const tried = settings.AUTH_JWT_SECRET_ENCODING ?? current.AUTH_JWT_SECRET_ENCODING;
  const next = ENCODINGS[ENCODINGS.indexOf(tried ?? 'text') + 1];
  const hasSecret = current.AUTH_JWT_SECRET || current.AUTH_JWT_SECRET_FILE;
  if (alg.startsWith('HS') && hasSecret && next && tried !== 'binary') {
    return { AUTH_JWT_SECRET_ENCODING: next };
  }
  return 'it was not signed with the configured key: nothing that it says can be relied on';
}

function changeIssuer(settings: Settings, current: Settings, { claims }: Trial): Settings | string {
  const issuer = settingOf(claims.iss);
  if (!issuer) return 'it has no issuer that can be written as a setting';
  const preset = presetOf(issuer);
  const hasOwnKey =
    current.AUTH_JWT_SECRET || current.AUTH_JWT_SECRET_FILE || current.AUTH_JWKS_URL;
  if (preset && hasOwnKey && !current.AUTH_PROVIDER && !settings.AUTH_ISSUER) {
    return { AUTH_PROVIDER: preset, AUTH_ISSUER: '' };
  }
  const isTried = settings.AUTH_ISSUER === issuer;
  return isTried ? 'its issuer is another than that of the provider' : { AUTH_ISSUER: issuer };
}

/** Issuers of which anybody has JWTs: one for another app says nothing of ours. */
const SHARED = /^(?:google|apple|line|entra:(?:common|organizations|consumers))\b/;

/** Audiences of the provider's own APIs, and of well-known other ones. */
const FOREIGN: readonly RegExp[] = [
  /^0000000[0-9a-f]-0000-0000-c000-000000000000$/i,
  /^(?:https:\/\/)?(?:[\w-]+\.)*(?:graph\.microsoft\.(?:com|us)|graph\.windows\.net|microsoftgraph\.chinacloudapi\.cn|management\.azure\.com|management\.core\.windows\.net|vault\.azure\.net|database\.windows\.net|storage\.azure\.com|outlook\.office(?:365)?\.com|sharepoint\.com|(?:[\w-]+\.)*googleapis\.com|sts\.amazonaws\.com|appleid\.apple\.com)(?:\/|$)/i,
  /^797f4846-ba00-4fd7-ba43-dac1f8f63013$/i,
  /^(?:account|broker|realm-management|security-admin-console|admin-cli)$/,
  /^https:\/\/kubernetes\.default\.svc/,
  /^https:\/\/[^/]+\/(?:userinfo|oidc\/me)$/,
  /^urn:(?:logto|zitadel):/,
];

function isForeign(audience: string, issuer: string): boolean {
  if (FOREIGN.some((pattern) => pattern.test(audience))) return true;
  // A provider's API for itself has its host: Auth0's Management API, Okta's org server.
  const host = URL.parse(audience)?.host;
  return presetOf(issuer) !== undefined && !!host && host === URL.parse(issuer)?.host;
}

function changeAudience(
  settings: Settings,
  current: Settings,
  { claims }: Trial,
): Settings | string {
  if (settings.AUTH_AUDIENCE) return 'it is for another app than the one that is configured';
  const issuer = typeof claims.iss === 'string' ? claims.iss : '';
  const provider = current.AUTH_PROVIDER ?? '';
  if (current.AUTH_AUDIENCE && SHARED.test(provider)) {
    return 'it is for another app of a provider that signs for everybody: send a JWT for the app in AUTH_AUDIENCE';
  }
  const row = PRESETS[provider.split(':')[0] ?? ''];
  const usual = row?.audienceClaim ?? 'aud';
  const names = [usual, ...AUDIENCE_CLAIMS].filter((name) => isPresent(claims[name]));
  const [claim] = names;
  if (claim === undefined) {
    return row?.withoutAudience
      ? { AUTH_AUDIENCE: 'none', AUTH_AUDIENCE_CLAIM: '' }
      : 'it names no app (aud, client_id, azp): let the provider add an audience; AUTH_AUDIENCE=none is for an issuer of one app alone';
  }
  const values = [claims[claim]].flat().map(String);
  const own = values.filter((value) => !isForeign(value, issuer));
  if (own.length === 0) {
    return 'it is for an API of the provider or of somebody else, not for your app: ask the provider for a token of your own API';
  }
  const audience = own.map(settingOf).find(Boolean);
  if (!audience) return 'its audience cannot be written as a setting';
  const isUsual = claim === usual;
  return { AUTH_AUDIENCE: audience, AUTH_AUDIENCE_CLAIM: isUsual ? '' : claim };
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

function changeUserClaim(settings: Settings, { claims }: Trial): Settings | string {
  const userClaim = ['sub', ...USER_CLAIMS].find((name) =>
    ['string', 'number'].includes(typeof claims[name]),
  );
  return userClaim && !settings.AUTH_USER_CLAIM
    ? { AUTH_USER_CLAIM: userClaim }
    : 'it has no user id: set AUTH_USER_CLAIM to the claim that has it';
}

function hashIds(current: Settings): Settings {
  const hasKey = current.AUTH_USER_ID_KEY || current.AUTH_USER_ID_KEY_FILE;
  const key = randomBytes(32).toString('base64url');
  return { AUTH_USER_ID: 'hash', ...(!hasKey && { AUTH_USER_ID_KEY: key }) };
}

/** A claim as the value of a setting; undefined if it would have to be quoted or changed. */
function settingOf(value: unknown): string | undefined {
  return typeof value === 'string' && PLAIN_VALUE.test(value) && printable(value) === value
    ? value
    : undefined;
}

/** Always named, as the settings say nothing without them. */
const MAIN = ['AUTH_PROVIDER', 'AUTH_ISSUER', 'AUTH_JWKS_URL', 'AUTH_AUDIENCE'];

/** The main settings and each that changes; an empty one takes away what is set. */
function lines({ environment }: Trial, settings: Settings): string[] {
  const all: Settings = { ...environment, ...settings };
  const changed = Object.keys(settings).filter((name) => (environment[name] ?? '') !== all[name]);
  const main = MAIN.filter((name) => all[name]);
  return [...new Set([...main, ...changed])].map((name) => `${name}=${all[name]}`);
}
