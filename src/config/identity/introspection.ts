import { type ConfigProblem, problem, type Result } from '../problems.ts';
import { splitList } from '../schemas.ts';
import type { VariableName } from '../variables.ts';
import { AUDIENCE_CLAIMS } from './presets.ts';
import {
  audienceOf,
  audienceProblem,
  INTROSPECTION_AUTH_METHODS,
  type Provider,
  readRequiredClaims,
} from './provider.ts';
import { isSafeUrl, SAFE_URL_RULE } from './provider-keys.ts';

/** An introspection endpoint (RFC 7662) and the rules for its responses. */
export type Introspection = {
  url: string;
  clientId: string;
  clientSecret: string;
  /** How the client authenticates (RFC 7591 section 2). */
  authMethod: (typeof INTROSPECTION_AUTH_METHODS)[number];
  /** Accept tokens without `exp`. */
  withoutExpiry: boolean;
  rules: Omit<Provider, 'keys'>;
};

const REQUIRED_TOGETHER = [
  'AUTH_INTROSPECTION_URL',
  'AUTH_INTROSPECTION_CLIENT_ID',
  'AUTH_INTROSPECTION_CLIENT_SECRET',
] as const satisfies VariableName[];
const UNUSED = [
  'AUTH_AUDIENCE_OPTIONAL',
  'AUTH_TENANTS',
  'AUTH_ALGORITHMS',
  'AUTH_JWT_SECRET_PREVIOUS',
  'AUTH_JWT_PUBLIC_KEY_PREVIOUS',
] as const satisfies VariableName[];

export function hasIntrospection(texts: Readonly<Record<string, string>>): boolean {
  return REQUIRED_TOGETHER.some((name) => texts[name] !== undefined);
}

/** Reads the introspection endpoint, if there is one. */
export function readIntrospection(
  texts: Record<string, string>,
): Result<Introspection | undefined> {
  const method = texts.AUTH_INTROSPECTION_AUTH_METHOD ?? 'client_secret_basic';
  if (!hasIntrospection(texts)) {
    const message = 'is read with AUTH_INTROSPECTION_URL alone: remove it';
    const variable = 'AUTH_INTROSPECTION_AUTH_METHOD';
    const problems = method === 'client_secret_basic' ? [] : [{ variable, message }];
    return { value: undefined, problems };
  }
  const required = method === 'none' ? REQUIRED_TOGETHER.slice(0, 1) : REQUIRED_TOGETHER;
  const problems: ConfigProblem[] = [...required, 'AUTH_AUDIENCE' as const]
    .filter((name) => texts[name] === undefined)
    .map((name) => problem(name, 'is required with introspection'));
  for (const variable of UNUSED) {
    if ((texts[variable] ?? 'false') === 'false') continue;
    problems.push({ variable, message: 'is not read with AUTH_INTROSPECTION_URL: remove it' });
  }
  if (method === 'none' && texts.AUTH_INTROSPECTION_CLIENT_SECRET !== undefined) {
    const message = 'is not read with AUTH_INTROSPECTION_AUTH_METHOD=none: remove it';
    problems.push({ variable: 'AUTH_INTROSPECTION_CLIENT_SECRET', message });
  }
  const { AUTH_INTROSPECTION_URL: url = '', AUTH_ISSUER: iss, AUTH_AUDIENCE = '' } = texts;
  const audience = audienceOf(splitList(AUTH_AUDIENCE));
  const hasOtherClaim = audience === null && (texts.AUTH_AUDIENCE_CLAIM ?? 'aud') !== 'aud';
  const message =
    audienceProblem(audience) ??
    (hasOtherClaim ? 'is none, which is for the claim aud alone' : undefined);
  if (message) problems.push({ variable: 'AUTH_AUDIENCE', message });
  if (url !== '' && !isSafeUrl(url, texts.AUTH_ALLOW_HTTP === 'true'))
    problems.push(problem('AUTH_INTROSPECTION_URL', SAFE_URL_RULE));
  const value: Introspection = {
    url,
    clientId: texts.AUTH_INTROSPECTION_CLIENT_ID ?? '',
    clientSecret: texts.AUTH_INTROSPECTION_CLIENT_SECRET ?? '',
    // The schema of the variable reports an invalid value.
    authMethod: INTROSPECTION_AUTH_METHODS.find((one) => one === method) ?? 'client_secret_basic',
    withoutExpiry: texts.TOKEN_OUTLIVES_SESSION === 'true',
    rules: {
      issuers: iss === undefined ? [] : [{ iss, canonical: iss }],
      audience,
      // The schema of the variable reports an invalid value.
      audienceClaim: AUDIENCE_CLAIMS.find((one) => one === texts.AUTH_AUDIENCE_CLAIM) ?? 'aud',
      audienceOptional: false,
      requiredClaims: readRequiredClaims(texts.AUTH_REQUIRED_CLAIMS ?? '').value,
      // The schema of the variable reports an invalid value.
      senderConstrained: texts.AUTH_SENDER_CONSTRAINED === 'ignore' ? 'ignore' : undefined,
      otherKind: undefined,
      userClaim: texts.AUTH_USER_CLAIM ?? 'sub',
      userClaimNumeric: texts.AUTH_USER_CLAIM_NUMERIC === 'true',
      userPrefix: '',
      clockToleranceSeconds: Number(texts.AUTH_CLOCK_TOLERANCE_SECONDS ?? 5),
    },
  };
  return { value, problems };
}
