import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type ExplainedClaim, explainClaims, KIND } from '../auth/claims.ts';
import { toUserId } from '../auth/user-id.ts';
import { createVerifier } from '../auth/verifier.ts';
import type { Config } from '../config/config.ts';
import type { Provider } from '../config/identity/provider.ts';
import { ConfigError, formatProblem } from '../config/problems.ts';
import { type Reason, ServiceError } from '../errors.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { type Advice, adviseSettings, type Settings } from './advice.ts';
import { EXIT_CONFIG, EXIT_NO } from './failure.ts';
import { readText } from './input.ts';
import { type Output, verdict } from './terminal.ts';

const NO_EVENTS = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };

/** Refusals that no setting can fix: an expired credential, or one without expiry. */
const TIME_REFUSAL = /^(credential_expired|claim_(exp|nbf|iat)(_\w+)?)$/;
const CLAIM_REFUSAL = /^(claim|header_typ|key_issuer|credential_expired|user_id)/;

type Claims = Record<string, unknown>;
/** The configuration that a JWT is tried with. */
export type AuthSource = {
  environment: Settings;
  /** Reads it with some variables replaced; throws a ConfigError if it is invalid. */
  load(settings: Settings): Config['auth'];
};
type Diagnosis = { accepted: boolean; checks: ExplainedClaim[] } & Advice;

/**
 * Prints which checks refuse a JWT, and settings with which the service has accepted it, if there are any; returns the exit
 * code. Prints neither the JWT nor user data.
 *
 * @param file a path, or `-` for standard input; a JWT as an argument would stay in the shell history
 * @param source reads the configuration with other settings; throws a ConfigError if it is invalid
 */
export async function explainJwt(
  file: string,
  source: AuthSource,
  now: number,
  { json, terminal }: Output,
): Promise<number> {
  const token = (await readText(file)).trim();
  const diagnosis = await diagnose(token.replace(/^bearer +/i, ''), source, now);
  if (json) terminal.print(printableJson(diagnosis));
  else {
    for (const { claim, refusal } of diagnosis.checks) {
      terminal.print(
        verdict(
          terminal,
          !refusal,
          printable(refusal ? `${claim}: ${describeRefusal(refusal)}` : claim),
        ),
      );
    }
    terminal.print();
    if (diagnosis.accepted) terminal.print('The service accepts this JWT.');
    else if (diagnosis.settings.length > 0) terminal.print('Settings for JWTs like this one:');
    for (const line of diagnosis.settings) terminal.print(`  ${line}`);
    if (diagnosis.why) terminal.print(terminal.wrap(`No settings are proposed: ${diagnosis.why}.`));
  }
  if (diagnosis.accepted) return 0;
  return diagnosis.checks.some(({ claim }) => claim === 'configuration') ? EXIT_CONFIG : EXIT_NO;
}

function describeRefusal({ code, expected, received }: Reason): string {
  // A configuration problem is already a sentence.
  if (code === 'configuration') return received ?? '';
  const both = [expected && `expected ${expected}`, received && `received ${received}`];
  const facts = printable(both.filter(Boolean).join(', '));
  return `${facts || (DESCRIPTIONS[code] ?? 'it is refused')} (${code})`;
}

/** Descriptions of codes without expected and received values. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  signature: 'it was not signed with the configured key',
  key_not_in_set: 'the key set of the provider has no such key',
  key_unknown: 'the provider may have a new key that could not be fetched yet; doctor says why',
  jwks_unavailable: 'the keys of the provider cannot be fetched; doctor says why',
};

async function diagnose(token: string, source: AuthSource, now: number): Promise<Diagnosis> {
  const read = readToken(token);
  if (!read) {
    const received = token === '' ? 'nothing' : 'an opaque token';
    const refusal = { code: 'not_jwt', expected: 'a signed JWT', received };
    const why = 'it is no JWT; opaque tokens need AUTH_INTROSPECTION_URL';
    return { accepted: false, checks: [{ claim: 'form', refusal }], settings: [], why };
  }
  const checkWith = async (settings: Settings) => check(token, read, source.load(settings), now);
  const checks = await checkWith({}).catch(configurationChecks);
  const refusals = checks.flatMap(({ refusal }) => refusal ?? []);
  if (refusals.length === 0) return { accepted: true, checks, settings: [] };
  const isOtherKind = checks.some(({ claim, refusal }) => refusal && claim === KIND);
  const time = refusals.find(({ code }) => TIME_REFUSAL.test(code));
  const why = isOtherKind
    ? 'it is a token of another kind: send the access token or session token of the user'
    : time && TIME_WHY;
  if (why) return { accepted: false, checks, settings: [], why };
  const { environment } = source;
  const advice = await adviseSettings({ ...read, environment, check: checkWith });
  return { accepted: false, checks, ...advice };
}

const TIME_WHY = 'its times (exp, nbf, iat) are refused, which no setting changes: try a fresh one';

function configurationChecks(error: unknown): ExplainedClaim[] {
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.map((problem) => ({
    claim: 'configuration',
    refusal: { code: 'configuration', received: formatProblem(problem) },
  }));
}

type ReadToken = { alg: string; typ: unknown; claims: Claims };

function readToken(token: string): ReadToken | undefined {
  try {
    const { alg, typ } = decodeProtectedHeader(token);
    return { alg: String(alg), typ, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

/** Verifies the signature, then checks every claim. */
async function check(
  token: string,
  { claims, typ }: ReadToken,
  { providers, ids, outbound }: Config['auth'],
  now: number,
): Promise<ExplainedClaim[]> {
  const verifier = await createVerifier(providers, NO_EVENTS, ids, outbound);
  const verified = Promise.resolve(verifier.verify(token, now));
  const refusal = await verified.then(() => undefined, refusalOf);
  verifier.close();
  const isClaimRefusal = refusal && CLAIM_REFUSAL.test(refusal.code);
  const signature =
    refusal && !isClaimRefusal ? { claim: 'signature', refusal } : { claim: 'signature' };
  const provider = providerOf(claims, providers);
  const explained = provider ? explainClaims(claims, provider, ids, now, typ) : [];
  const isExplained = explained.some((one) => one.refusal);
  // explainClaims accepts the issuer with and without a trailing slash; the verifier requires the exact one.
  const rest = isClaimRefusal && !isExplained ? [{ claim: 'iss', refusal }] : [];
  return [signature, ...explained, ...rest];
}

function refusalOf(error: unknown): Reason {
  if (!(error instanceof ServiceError)) throw error;
  return error.extras.reason ?? { code: error.code };
}

function providerOf({ iss }: Claims, providers: readonly Provider[]): Provider | undefined {
  const named = providers.find(({ issuers }) => issuers.some((one) => one.iss === iss));
  return named ?? (providers.length === 1 ? providers[0] : undefined);
}

/**
 * Prints the user id for an issuer and a subject.
 *
 * @throws {Error} when no provider has the issuer, or ZEGO refuses the id
 */
export function printUserId(
  issuer: string,
  subject: string,
  { providers, ids }: Config['auth'],
  { json, terminal }: Output,
): void {
  const found = providers.flatMap(({ issuers, userPrefix }) =>
    issuers
      .filter(({ iss }) => iss === issuer)
      .map(({ canonical }) => ({ issuer: canonical, prefix: userPrefix })),
  )[0];
  const isPinned = providers.every(({ issuers }) => issuers.length > 0);
  if (!found && isPinned) throw new Error(`no provider has the issuer ${issuer}`);
  const prefix = found?.prefix ?? providers[0]?.userPrefix ?? '';
  try {
    const userId = toUserId(subject, { issuer: found?.issuer ?? issuer, prefix }, ids);
    terminal.print(json ? printableJson({ userId }) : printable(userId));
  } catch (error) {
    throw new Error(
      `subject: ${describeRefusal(refusalOf(error))}; AUTH_USER_ID=hash would map it`,
    );
  }
}
