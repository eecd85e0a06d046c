import type { OtherKind } from '../config/identity/presets.ts';
import type { Provider } from '../config/identity/provider.ts';
import { ServiceError } from '../errors.ts';

type Claims = Readonly<Record<string, unknown>>;

const EXPECTED = 'an access, ID or session token';
const UNBOUND =
  'a token that is not bound to a key of its sender; this service cannot ask for the proof';

/** Claims in which issuers name the kind of a token, besides the header `typ`. */
const KIND_CLAIMS = ['token_type', 'tokenType', 'type', 'token_use', 'tokenUse', 'typ'] as const;

/**
 * Kinds that are not for requests to an API, as {@link kindName} spells them. `type: "user"`, `"access"` and
 * `"session"` are common in session tokens.
 */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  'refresh',
  'offline',
  'logout',
  'resetpassword',
  'passwordreset',
  'forgotpassword',
  'verifyemail',
  'emailverification',
  'confirmemail',
  'emailconfirmation',
  'changeemail',
  'emailchange',
  'magiclink',
]);
const ID_KINDS: ReadonlySet<string> = new Set(['id']);
/** Token types that need a proof with each request (RFC 9449 section 5, RFC 9200 section 8.4.3). */
const BOUND_TYPES: ReadonlySet<string> = new Set(['dpop', 'pop']);

/** The registered members of `cnf` that name a key (RFC 7800, RFC 8705, RFC 9449, RFC 9203). */
const BINDINGS = ['jkt', 'x5t#S256', 'jwk', 'jwe', 'kid', 'jku', 'osc'] as const;

const URI = /^[a-z][a-z0-9+.-]*:./i;

/** The provider settings that decide which kinds of tokens are accepted. */
export type KindRules = Pick<Provider, 'senderConstrained' | 'otherKind' | 'requiredClaims'>;

/**
 * Refuses a token of another kind that the same key signs for the same audience (RFC 8725 sections 3.11 and
 * 3.12): refresh and logout tokens, security events, tokens for one purpose such as a new password, and tokens
 * that are bound to a key of their sender. ID tokens are not refused.
 *
 * @param typ the header parameter `typ`; undefined for an introspection answer
 * @throws {ServiceError} `credential_invalid`
 */
export function checkKind(claims: Claims, typ: unknown, rules: KindRules): void {
  const other =
    ofHeader(typ) ??
    ofClaims(claims, OTHER_KINDS) ??
    ofEvents(claims.events) ??
    (rules.senderConstrained === 'ignore' ? undefined : ofBinding(claims)) ??
    ofProvider(claims, typ, rules);
  if (other) throw refuseKind(other);
}

/** A claim that the operator requires a value of is left to that requirement. */
function ofProvider(claims: Claims, typ: unknown, rules: KindRules): OtherKind | undefined {
  const other = rules.otherKind?.(claims, typ);
  const isRequired = other && Object.hasOwn(rules.requiredClaims, other[0].replace('claim_', ''));
  return isRequired ? undefined : other;
}

/**
 * Refuses an introspection answer about an ID token or a refresh token: the endpoint says of both that they are
 * active (RFC 7662 section 4).
 *
 * @throws {ServiceError} `credential_invalid`
 */
export function checkIntrospectedKind(answer: Claims): void {
  const other = ofClaims(answer, ID_KINDS);
  if (other) throw refuseKind(other);
}

/** `typ` is a media type whose `application/` may be left out (RFC 7515 section 4.1.9); only RFC 9068 is for APIs. */
function ofHeader(typ: unknown): OtherKind | undefined {
  if (typ === undefined || typ === null || typ === 'JWT') return undefined;
  if (typeof typ !== 'string') return ['header_typ', 'a media type', 'a value that is no string'];
  const [type = ''] = typ.split(';');
  const name = type
    .trim()
    .toLowerCase()
    .replace(/^application\//, '');
  if (!/\+(?:sd-)?jwt$/.test(name) || name === 'at+jwt') return undefined;
  return ['header_typ', 'JWT or at+jwt', shown(name)];
}

function ofClaims(claims: Claims, kinds: ReadonlySet<string>): OtherKind | undefined {
  for (const claim of KIND_CLAIMS) {
    const value = claims[claim];
    if (value === undefined || value === null) continue;
    const names = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
    const other = names.find((name) => typeof name === 'string' && kinds.has(kindName(name)));
    if (other !== undefined) return [`claim_${claim}`, EXPECTED, shown(other)];
  }
  return undefined;
}

/** `Refresh`, `refresh_token`, `refreshToken` and `urn:ietf:params:oauth:token-type:refresh_token` are one. */
function kindName(text: string): string {
  const name = text.slice(text.lastIndexOf(':') + 1).toLowerCase();
  return name.replace(/[-_\s]/g, '').replace(/token$/, '');
}

/** A security event token (RFC 8417 section 2.2), such as a logout token. */
function ofEvents(events: unknown): OtherKind | undefined {
  if (events === null || typeof events !== 'object' || Array.isArray(events)) return undefined;
  const isEvent = Object.keys(events).some((name) => URI.test(name));
  return isEvent ? ['claim_events', EXPECTED, 'a security event'] : undefined;
}

/** RFC 7800 section 3.1: `cnf` is an object, whose members that are not understood are ignored. */
function ofBinding(claims: Claims): OtherKind | undefined {
  const { cnf, token_type: type } = claims;
  if (typeof type === 'string' && BOUND_TYPES.has(kindName(type))) {
    return ['claim_token_type', UNBOUND, shown(type)];
  }
  if (cnf === undefined || cnf === null) return undefined;
  if (typeof cnf !== 'object' || Array.isArray(cnf)) {
    return ['claim_cnf', 'an object', 'a value that is no object'];
  }
  const member = BINDINGS.find((name) => Object.hasOwn(cnf, name));
  return member === undefined ? undefined : ['claim_cnf', UNBOUND, member];
}

function refuseKind([code, expected, received]: OtherKind): ServiceError {
  return new ServiceError('credential_invalid', { reason: { code, expected, received } });
}

/** A name of a kind as it may be logged: issuers choose it, and it is short. */
function shown(name: string): string {
  return /^[\w.+:/ -]{1,60}$/.test(name) ? name : 'another one';
}
