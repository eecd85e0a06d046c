import { z } from 'zod';
import {
  AUDIENCE_CLAIMS,
  type AudienceClaim,
  type FindOtherKind,
  PRESETS,
  type SenderConstrained,
} from './presets.ts';
import { COMPLETE, type ProviderKey, type Report, resolveKeys } from './provider-keys.ts';
import { SECRET_ENCODINGS } from './secret.ts';

/** A valid `iss` of a provider. */
export type Issuer = {
  iss: string;
  /** The form that identifies the issuer of a user. */
  canonical: string;
  /** The required claim `tid` when several tenants share the keys. */
  tenant?: string;
};

/** The settings of one identity provider. */
export type Provider = {
  /** Empty: any issuer, or the one of the discovery document. */
  issuers: Issuer[];
  /** null: a JWT with an audience is refused; undefined: it is not checked. */
  audience: string[] | null | undefined;
  audienceClaim: AudienceClaim;
  /** The audience claim may be missing, but must match if present. */
  audienceOptional: boolean;
  /** Claims that must have these values, by name or JSON Pointer; of a list, one member. */
  requiredClaims: Record<string, string>;
  senderConstrained: SenderConstrained;
  otherKind: FindOtherKind | undefined;
  /** The name of a claim, or a JSON Pointer (RFC 6901) into nested ones. */
  userClaim: string;
  userClaimNumeric: boolean;
  /** Prepended to the user claim, so that equal subjects of two providers are distinct users. */
  userPrefix: string;
  /** Applies to `nbf` and `iat`, not to `exp`. */
  clockToleranceSeconds: number;
  /** `alg` selects the keys that are tried. */
  keys: ProviderKey[];
};

const text = z.string().min(1);
const textOrList = z.union([text.transform((one) => [one]), z.array(text).min(1)]);
const TENANT = '{tenantid}';
/** AUTH_AUDIENCE for JWTs without an audience. */
const NO_AUDIENCE = 'none';

const keyFields = {
  secret: text.optional(),
  secretEncoding: z.enum(SECRET_ENCODINGS).optional(),
  publicKey: text.optional(),
  jwksFile: text.optional(),
  jwksUrl: text.optional(),
  algorithms: z.array(text).min(1).optional(),
};

/** How a client authenticates at an introspection endpoint (RFC 7591 section 2). */
export const INTROSPECTION_AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'none',
] as const;

export const SENDER_CONSTRAINED = ['refuse', 'ignore'] as const;

/** A flag or a number may be given as it is in the JWT. */
const requiredValue = z.union(
  [text, z.boolean(), z.number()],
  'must be a text, a flag or a number',
);
const requiredClaimsSchema = z.record(text, requiredValue.transform(String));

/** A provider as configured: an entry of AUTH_PROVIDERS_FILE, or the AUTH_ variables. */
const inputSchema = z.strictObject({
  provider: text.optional(),
  issuer: text.optional(),
  tenants: z.array(text).min(1).optional(),
  audience: textOrList.nullable().optional(),
  audienceClaim: z.enum(AUDIENCE_CLAIMS).optional(),
  audienceOptional: z.boolean().default(false),
  ...keyFields,
  secretPrevious: text.optional(),
  publicKeyPrevious: text.optional(),
  /** Several keys. */
  keys: z.array(z.strictObject(keyFields)).min(1).optional(),
  allowHttp: z.boolean().default(false),
  requiredClaims: requiredClaimsSchema.optional(),
  senderConstrained: z.enum(SENDER_CONSTRAINED).default('refuse'),
  userClaim: text.optional(),
  userClaimNumeric: z.boolean().default(false),
  userPrefix: z.string().max(32).default(''),
  clockToleranceSeconds: z.int().min(0).max(60).default(5),
});

/** The field names of a provider. */
export const PROVIDER_FIELDS = Object.keys(inputSchema.shape);

export type ProviderInput = z.output<typeof inputSchema>;

export const providerSchema = inputSchema.transform((input, context): Provider => {
  const report: Report = (field, message, params = { isComplete: false }) => {
    context.addIssue({ code: 'custom', path: [field], message, params });
  };
  const preset = readPreset(input, report);
  if (input.provider !== undefined && !preset) return z.NEVER;
  const given: GivenProvider = { ...preset, ...withoutUndefined(input) };
  const keys = resolveKeys(given, report);
  const issuers = resolveIssuers(given, report);
  checkAudienceFields(given, report);
  if (!keys) return z.NEVER;
  const { audienceClaim = 'aud', audience, userClaim = 'sub' } = given;
  const senderConstrained = input.senderConstrained === 'ignore' ? 'ignore' : undefined;
  return {
    // The discovery document determines the exact issuer.
    issuers: keys.some(({ kind }) => kind === 'discovery') ? eitherSlash(issuers) : issuers,
    audience,
    audienceClaim,
    audienceOptional: input.audienceOptional,
    requiredClaims: {
      ...preset?.requiredClaims?.(audienceClaim, senderConstrained),
      ...input.requiredClaims,
    },
    senderConstrained,
    otherKind: preset?.otherKind,
    userClaim,
    userClaimNumeric: input.userClaimNumeric,
    userPrefix: input.userPrefix,
    clockToleranceSeconds: input.clockToleranceSeconds,
    keys,
  };
});

/**
 * Reads `name=value` pairs, separated by commas. The problem is undefined when all are in order.
 */
export function readRequiredClaims(pairs: string): {
  value: Record<string, string>;
  problem: string | undefined;
} {
  const value: Record<string, string> = {};
  let problem: string | undefined;
  if (pairs === '') return { value, problem };
  for (const pair of pairs.split(',')) {
    const [, name = '', required] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name === '' || !required) problem ??= 'must be pairs of a claim and its value';
    else if (Object.hasOwn(value, name)) problem ??= 'names a claim twice; keep one';
    else if (name === '__proto__') problem ??= 'names a claim that no JWT can have';
    else value[name] = required;
  }
  return { value, problem };
}

/** Reads a list of audiences, as AUTH_AUDIENCE has it; null for JWTs without one. */
export function audienceOf(items: string[]): string[] | null {
  return items.length === 1 && items[0] === NO_AUDIENCE ? null : items;
}

/** Why a list is no list of audiences: `none` beside others, or in another spelling. */
export function audienceProblem(
  audience: readonly string[] | null | undefined,
): string | undefined {
  const hasNone = audience?.some((one) => one.trim().toLowerCase() === NO_AUDIENCE);
  return hasNone
    ? 'must be none alone, in lower case, for JWTs without an audience; in the providers file it is null'
    : undefined;
}

/** The operator's settings, with defaults from the preset. */
type GivenProvider = Omit<ProviderInput, 'requiredClaims'> & {
  presetIssuers?: string[];
  whichAudience?: string;
  withoutAudience?: boolean;
};

function readPreset({ provider }: ProviderInput, report: Report) {
  if (provider === undefined) return undefined;
  const [, name = '', first = '', more] = /^([^:]*):?([^,]*)(?:,(.*))?$/.exec(provider) ?? [];
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (!preset) {
    const forms = Object.values(PRESETS).map(({ form }) => form);
    return report('provider', `must be one of ${forms.join(', ')}`, COMPLETE);
  }
  const value = first.replace(/\/$/, '');
  if (!preset.value.test(value)) {
    return report('provider', `must be of the form ${preset.form}`, COMPLETE);
  }
  const given = (more ?? '').split(',').flatMap((one) => one.trim() || []);
  const usual = preset.audience ? [preset.audience(value)] : undefined;
  const otherKind = preset.otherKindFor?.(value) ?? preset.otherKind;
  const audience = given.length > 0 ? audienceOf(given) : usual;
  return {
    presetIssuers: preset.issuers(value),
    jwksUrl: preset.jwksUrl(value),
    algorithms: [...preset.algorithms],
    audienceClaim: preset.audienceClaim,
    whichAudience: preset.whichAudience,
    withoutAudience: preset.withoutAudience === true,
    ...(audience !== undefined && { audience }),
    ...(preset.requiredClaims && { requiredClaims: preset.requiredClaims }),
    ...(otherKind && { otherKind }),
    ...(preset.userClaim && { userClaim: preset.userClaim(value) }),
  };
}

function withoutUndefined(input: ProviderInput): ProviderInput {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as ProviderInput;
}

function resolveIssuers(given: GivenProvider, report: Report): Issuer[] {
  const { issuer, presetIssuers = [], tenants } = given;
  const spellings = issuer === undefined ? presetIssuers : [issuer];
  const [canonical = ''] = spellings;
  if (!canonical.includes(TENANT)) {
    if (tenants)
      report('tenants', `is for an issuer with ${TENANT}, such as entra:common`, COMPLETE);
    return spellings.map((iss) => ({ iss, canonical }));
  }
  if (!tenants)
    report('tenants', 'is required when tenants share an issuer: list the allowed ones');
  return (tenants ?? []).flatMap((tenant) =>
    spellings.map((spelling) => ({
      iss: spelling.replace(TENANT, tenant),
      canonical: canonical.replace(TENANT, tenant),
      tenant,
    })),
  );
}

function eitherSlash(issuers: Issuer[]): Issuer[] {
  return issuers.flatMap(({ iss }) => {
    const bare = iss.replace(/\/$/, '');
    return [bare, `${bare}/`].map((spelling) => ({ iss: spelling, canonical: spelling }));
  });
}

function checkAudienceFields(given: GivenProvider, report: Report): void {
  const { audience, audienceClaim = 'aud', audienceOptional, whichAudience } = given;
  const mistake = audienceProblem(audience) ?? (audience === null && noAudienceProblem(given));
  if (mistake) report('audience', mistake, COMPLETE);
  if (audience === undefined && whichAudience)
    report('audience', `is required: ${whichAudience}`, COMPLETE);
  if (audienceOptional && audienceClaim !== 'azp') {
    report('audienceOptional', 'is for the audience claim azp alone', COMPLETE);
  }
  if (audience === undefined && audienceClaim !== 'aud' && !whichAudience) {
    report('audience', `is required with the audience claim ${audienceClaim}`);
  }
}

/** Without an audience, every JWT of the issuer is accepted: it must belong to one app. */
function noAudienceProblem({
  audienceClaim = 'aud',
  whichAudience,
  withoutAudience,
  tenants,
}: GivenProvider): string | undefined {
  if (whichAudience && !withoutAudience) {
    return `is needed, as this provider signs for several apps: ${whichAudience}`;
  }
  if (audienceClaim !== 'aud') return 'is none, which is for the claim aud alone';
  return tenants && 'is needed where tenants share an issuer';
}
