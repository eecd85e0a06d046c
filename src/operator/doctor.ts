import { probeIntrospection } from '../auth/introspection.ts';
import { type AuthEvents, createVerifier } from '../auth/verifier.ts';
import { type AccessConfig, type Config, loadConfig } from '../config/config.ts';
import type { Environment, ReadFile } from '../config/environment.ts';
import { accessFailure, addressOf, redisFailure } from '../config/failures.ts';
import type { Introspection } from '../config/identity/introspection.ts';
import { type OutboundConfig, proxyAddresses } from '../config/outbound.ts';
import { ConfigError } from '../config/problems.ts';
import { unknownVariables, unusedVariables } from '../config/suggest.ts';
import type { Database } from '../directory/database.ts';
import { exportDirectory } from '../directory/transfer.ts';
import { createRefusedIds } from '../directory/zego-ids.ts';
import { createMemoryCounter } from '../http/rate-limit.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { type OpenedAccess, openAccess } from '../open-access.ts';
import { CLOCK_FIX, isClockRight, unixSeconds } from '../time.ts';
import { createGenerator, decode } from '../token04/index.ts';
import { EXIT_CONFIG, EXIT_NO } from './failure.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

const REDIS_MS = 2_000;
const NO_AUDIENCE =
  'AUTH_AUDIENCE=none is for an issuer of one app alone; whoever gets a JWT of it can sign in here';
const ID_FIX = 'rename them: nobody gets a token for them (docs/identity-providers.md, "Ids")';

type OnClock = (secondsAhead: number) => void;

/** The result of one check, with a fix if it failed. */
type Finding = { check: string; ok: boolean; detail: string; fix?: string };

/** Checks configuration and dependencies; returns the exit code. */
export async function doctor(
  environment: Environment,
  readFile: ReadFile,
  dotenv: string,
  { json, terminal }: Output,
): Promise<number> {
  const findings: Finding[] = [];
  for await (const finding of examine(environment, readFile, dotenv)) {
    findings.push(finding);
    if (!json) terminal.print(render(finding, terminal));
  }
  const healthy = findings.every(({ ok }) => ok);
  if (json) terminal.print(printableJson({ healthy, findings }));
  if (healthy) return 0;
  return findings.some(({ check, ok }) => check === 'configuration' && !ok) ? EXIT_CONFIG : EXIT_NO;
}

function render({ check, ok, detail, fix }: Finding, terminal: Terminal): string {
  const line = verdict(terminal, ok, printable(`${check}: ${detail}`));
  return fix === undefined
    ? line
    : `${line}\n${terminal.wrap(terminal.style('dim', `  → ${printable(fix)}`))}`;
}

async function* examine(
  environment: Environment,
  readFile: ReadFile,
  dotenv: string,
): AsyncGenerator<Finding> {
  const unknown = unknownVariables(environment).map(({ variable, suggestion }) => ({
    check: 'configuration',
    ok: false,
    detail: `${variable} is not known`,
    fix: suggestion ? `did you mean ${suggestion}?` : 'correct the name, or remove it',
  }));
  let config: Config;
  try {
    config = loadConfig(environment, readFile, dotenv);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { variable, message } of error.problems) {
      yield { check: 'configuration', ok: false, detail: variable, fix: message };
    }
    yield* unknown;
    return;
  }
  yield { check: 'configuration', ok: true, detail: 'every variable is in order' };
  yield* unknown;
  for (const { variable, fix } of unusedVariables(environment)) {
    yield { check: 'configuration', ok: true, detail: `${variable} is not used`, fix };
  }
  const providers = config.auth.introspection
    ? [config.auth.introspection.rules]
    : config.auth.providers;
  if (providers.some(({ audience }) => audience === null)) {
    yield {
      check: 'configuration',
      ok: true,
      detail: 'JWTs are accepted without an audience',
      fix: NO_AUDIENCE,
    };
  }
  yield checkToken(config);
  const proxy = checkProxy(config);
  if (proxy) yield proxy;
  let secondsAhead: number | undefined;
  yield await checkKeys(config, (seconds) => {
    secondsAhead = seconds;
  });
  const access = await checkAccess(config);
  yield access;
  const ids = access.ok ? await warnOfIds(config) : undefined;
  if (ids) yield { check: 'ids', ok: true, detail: ids, fix: ID_FIX };
  if (config.limits.redisUrl !== undefined) yield await checkRedis(config.limits.redisUrl);
  yield checkClock(secondsAhead);
}

function checkToken({ zego }: Config): Finding {
  const now = unixSeconds();
  const token = createGenerator(zego)({
    userId: 'doctor',
    payload: '{}',
    createdAt: now,
    expireAt: now + 60,
  });
  decode(token, { secrets: [zego.secret], appId: zego.appId, now });
  return {
    check: 'token',
    ok: true,
    detail: `made and read in ${zego.mode} mode for AppID ${zego.appId}`,
  };
}

/** Checks the keys of all providers, or the introspection endpoint. */
export async function checkKeys({ auth }: Config, onClock: OnClock): Promise<Finding> {
  if (auth.introspection) return checkIntrospection(auth.introspection, auth.outbound, onClock);
  const { providers, ids, outbound } = auth;
  let failure: { error: unknown; url: string } | undefined;
  const skipped: string[] = [];
  const events: AuthEvents = {
    cache() {},
    verified() {},
    clockCompared: (_issuer, secondsAhead) => onClock(secondsAhead),
    keysSkipped: (_issuer, entries) => void skipped.push(...entries),
    jwksFetched(issuer, result, error, url = issuer) {
      if (result === 'error') failure ??= { error, url };
    },
  };
  const verifier = await createVerifier(providers, events, ids, outbound);
  const ok = verifier.healthy();
  verifier.close();
  const check = 'keys';
  if (ok) {
    const detail = `of ${providers.length} provider(s) can be used`;
    if (skipped.length === 0) return { check, ok, detail };
    const entries = skipped.slice(0, 10).join(', ');
    const fix = `skipped in the key set: ${entries}; nobody can sign in with these entries`;
    return { check, ok, detail, fix };
  }
  const { error, url = '' } = failure ?? {};
  return {
    check,
    ok,
    detail: `of ${addressOf(url, '')} cannot be fetched; ${describeCause(causeOf(error))}`,
    fix: `open ${URL.parse(url)?.href} from this machine: it must answer 200 with a key set or a discovery document within ${secondsOf(outbound)}, without a redirect`,
  };
}

async function checkIntrospection(
  introspection: Introspection,
  outbound: OutboundConfig,
  onClock: OnClock,
): Promise<Finding> {
  const check = 'keys';
  try {
    await probeIntrospection(introspection, onClock, outbound);
    return { check, ok: true, detail: 'the introspection endpoint answers' };
  } catch (error) {
    return {
      check,
      ok: false,
      detail: `the introspection endpoint does not answer; ${describeCause(causeOf(error))}`,
      fix: `check AUTH_INTROSPECTION_CLIENT_ID, its secret and AUTH_INTROSPECTION_AUTH_METHOD, and that ${introspection.url} answers 200 with JSON within ${secondsOf(outbound)}, without a redirect`,
    };
  }
}

function secondsOf({ timeoutMs }: OutboundConfig): string {
  return `${timeoutMs / 1000} s`;
}

/** Whether requests to providers go by a proxy; undefined where the environment names none. */
function checkProxy({ auth: { outbound } }: Config): Finding | undefined {
  const { proxy, unusedProxy } = outbound;
  const check = 'proxy';
  if (proxy) {
    return { check, ok: true, detail: `requests to providers go by ${proxyAddresses(proxy)}` };
  }
  if (unusedProxy.length === 0) return undefined;
  const detail = `${unusedProxy.join(' and ')} is set and not used`;
  return {
    check,
    ok: true,
    detail,
    fix: 'OUTBOUND_PROXY=environment sends requests to providers by it',
  };
}

/** Compares our clock with the Date header of the identity provider. */
function checkClock(secondsAhead: number | undefined): Finding {
  const check = 'clock';
  if (secondsAhead === undefined)
    return { check, ok: true, detail: 'not compared: no other clock is known' };
  const ok = isClockRight(secondsAhead);
  const detail = `differs by ${secondsAhead} s from the identity provider's`;
  return { check, ok, detail, ...(!ok && { fix: CLOCK_FIX }) };
}

async function checkAccess({ access }: Config): Promise<Finding> {
  const check = `access (${access.mode})`;
  const nobody = { userId: 'doctor', roomId: 'doctor', videoId: 'doctor', country: undefined };
  let opened: OpenedAccess | undefined;
  try {
    opened = await openAccess(access, { readOnly: true });
    const started = performance.now();
    await opened.service.check({ ...nobody, requestId: 'doctor' }, 0);
    const duration = `answers in ${(performance.now() - started).toFixed(1)} ms`;
    if (opened.database) await checkWriter(access, opened.database);
    const rooms = await opened.database?.query('SELECT 1 FROM rooms LIMIT 1');
    return {
      check,
      ok: true,
      detail: `${duration}${rooms?.length === 0 ? '; it has no room' : ''}`,
    };
  } catch (error) {
    const { variable, what, cause } = accessFailure(access, error);
    const { fix = 'check its log' } = cause;
    const contract =
      access.mode === 'http'
        ? '; your backend must answer 200 with {"allow":true} or {"allow":false,"code":…} in time'
        : '';
    const detail = `${what}; ${cause.words} (${cause.code})`;
    return { check, ok: false, detail, fix: `${variable}: ${fix}${contract}` };
  } finally {
    await opened?.service.close();
  }
}

/** Checks what the service needs for changes; another change that runs is no fault. */
async function checkWriter(access: AccessConfig, database: Database): Promise<void> {
  if (access.mode === 'sqlite') {
    const { assertWritableFile } = await import('../directory/sqlite/database.ts');
    assertWritableFile(access.path);
  }
  if (access.mode === 'postgres') {
    const { assertUtf8 } = await import('../directory/postgres/open.ts');
    const { assertWritable } = await import('../directory/postgres/database.ts');
    await assertUtf8(database);
    await assertWritable(database).catch((error) => {
      if (causeOf(error).code !== '55P03') throw error;
    });
  }
}

async function checkRedis(url: string): Promise<Finding> {
  const { createRedisCounter } = await import('../http/redis-counter.ts');
  const { promise, resolve } = Promise.withResolvers<void>();
  let failure: unknown;
  const counter = createRedisCounter({
    url,
    fallback: createMemoryCounter(),
    onChange(shared, error) {
      failure = error;
      if (shared) resolve();
    },
  });
  counter.checkWhenReady();
  const probe = setInterval(() => counter.increment('doctor', 1_000), 200);
  // The first attempts fail until the connection is established.
  const late = setTimeout(resolve, REDIS_MS);
  await promise;
  clearInterval(probe);
  clearTimeout(late);
  const ok = counter.healthy();
  counter.close();
  if (ok) return { check: 'Redis', ok, detail: 'answers' };
  const { variable, what, cause } = redisFailure(url, failure);
  const { words, code, fix = 'check that Redis runs' } = cause;
  return {
    check: 'Redis',
    ok,
    detail: `${what}; ${words} (${code})`,
    fix: `${variable}: ${fix}; until then each replica counts separately`,
  };
}

/** A warning about ids that ZEGO refuses; undefined if there are none, or no directory. */
async function warnOfIds({ access, auth }: Config): Promise<string | undefined> {
  if (!auth.ids.strict || access.mode === 'http' || access.mode === 'claims') return undefined;
  const { database, service } = await openAccess(access, { readOnly: true });
  const refused = createRefusedIds();
  try {
    if (database)
      for await (const line of exportDirectory(database)) refused.check(JSON.parse(line));
  } finally {
    await service.close();
  }
  return refused.summary();
}
