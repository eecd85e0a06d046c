import { openAccess } from '../access/open.ts';
import type { Provider } from '../auth/provider.ts';
import { createVerifier } from '../auth/verifier.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type Environment, type ReadFile, unknownVariables } from '../config/environment.ts';
import { ConfigError } from '../config/problems.ts';
import { createMemoryCounter } from '../http/rate-limit.ts';
import { unixSeconds } from '../time.ts';
import { createGenerator, decode } from '../token04/index.ts';
import { warnOfIds } from './doctor-ids.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

const MAX_CLOCK_SECONDS = 5;
const ID_FIX = 'rename them: nobody gets a token for them (docs/identity-providers.md, "Ids")';
const NO_EVENTS = { cache() {}, verified() {}, jwksFetched() {} };

/** One thing that the service needs, and what to do when it is not there. */
type Finding = { check: string; ok: boolean; detail: string; fix?: string };

/** Checks what the service needs before it is started, or while it is not well; false when something is wrong. */
export async function doctor(
  environment: Environment,
  readFile: ReadFile,
  { json, terminal }: Output,
): Promise<boolean> {
  const findings: Finding[] = [];
  for await (const finding of examine(environment, readFile)) {
    findings.push(finding);
    if (!json) terminal.print(render(finding, terminal));
  }
  const healthy = findings.every(({ ok }) => ok);
  if (json) terminal.print(JSON.stringify({ healthy, findings }));
  return healthy;
}

function render({ check, ok, detail, fix }: Finding, terminal: Terminal): string {
  const line = verdict(terminal, ok, `${check}: ${detail}`);
  return fix === undefined ? line : `${line}\n  ${terminal.style('dim', `→ ${fix}`)}`;
}

async function* examine(environment: Environment, readFile: ReadFile): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = loadConfig(environment, readFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { variable, message } of error.problems) {
      yield { check: 'configuration', ok: false, detail: variable, fix: message };
    }
    return;
  }
  yield { check: 'configuration', ok: true, detail: 'every variable is in order' };
  for (const variable of unknownVariables(environment)) {
    yield {
      check: 'configuration',
      ok: false,
      detail: `${variable} is not known`,
      fix: 'correct the name, or remove it',
    };
  }
  yield checkToken(config);
  yield await checkKeys(config);
  const access = await checkAccess(config);
  yield access;
  const ids = access.ok ? await warnOfIds(config) : undefined;
  if (ids) yield { check: 'ids', ok: true, detail: ids, fix: ID_FIX };
  if (config.limits.redisUrl !== undefined) yield await checkRedis(config.limits.redisUrl);
  yield await checkClock(config);
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

async function checkKeys({ auth: { providers } }: Config): Promise<Finding> {
  const verifier = await createVerifier(providers, NO_EVENTS);
  const ok = verifier.healthy();
  verifier.close();
  const check = 'keys';
  if (ok) return { check, ok, detail: `of ${providers.length} provider(s) can be used` };
  const urls = providers.flatMap(keySetUrls);
  return {
    check,
    ok,
    detail: 'cannot be fetched',
    fix: `open ${urls.join(' and ')} from this machine: it must answer 200 with a key set or a discovery document within 2 s, without a redirect`,
  };
}

/** Where the keys of a provider come from by HTTP. */
function keySetUrls({ keys }: Provider): string[] {
  return keys.flatMap((key) => {
    if (key.kind === 'jwks') return [key.url];
    if (key.kind !== 'discovery') return [];
    return [`${key.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`];
  });
}

async function checkAccess({ access }: Config): Promise<Finding> {
  const check = `access (${access.mode})`;
  const nobody = { userId: 'doctor', roomId: 'doctor', videoId: 'doctor', country: undefined };
  try {
    const { service } = await openAccess(access);
    const started = performance.now();
    await service.check({ ...nobody, requestId: 'doctor' }, 0).finally(service.close);
    return { check, ok: true, detail: `answers in ${(performance.now() - started).toFixed(1)} ms` };
  } catch (error) {
    const { code = 'no answer' } = ((error as Error).cause ?? {}) as { code?: string };
    const fixes = {
      sqlite: `the folder of ${access.mode === 'sqlite' && access.path} must exist and be writable`,
      postgres: 'check DATABASE_URL, that the database runs, and that this machine may connect',
      http: 'your backend must answer 200 with {"allow":true} or {"allow":false,"code":…} in time',
      claims: '',
    };
    return { check, ok: false, detail: code, fix: fixes[access.mode] };
  }
}

async function checkRedis(url: string): Promise<Finding> {
  const { createRedisCounter } = await import('../http/redis-counter.ts');
  const connected = Promise.withResolvers<boolean>();
  const counter = createRedisCounter({
    url,
    fallback: createMemoryCounter(),
    onChange: connected.resolve,
  });
  const probe = setInterval(() => counter.increment('doctor', 1_000), 200);
  const late = setTimeout(() => connected.resolve(false), 2_000);
  // The first attempts come before the connection stands.
  let ok = await connected.promise;
  if (!ok) ok = await new Promise((resolve) => setTimeout(() => resolve(counter.healthy()), 1_500));
  clearInterval(probe);
  clearTimeout(late);
  counter.close();
  if (ok) return { check: 'Redis', ok, detail: 'answers' };
  const fix = 'check REDIS_URL and that Redis runs; until then each replica counts for itself';
  return { check: 'Redis', ok, detail: 'does not answer', fix };
}

/** The Date header of the OpenID provider is the only other clock that we know of. */
async function checkClock({ auth: { providers } }: Config): Promise<Finding> {
  const check = 'clock';
  const [url] = providers.flatMap(keySetUrls);
  if (url === undefined)
    return { check, ok: true, detail: 'not compared: no other clock is known' };
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(2_000),
    });
    const theirs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(theirs)) return { check, ok: true, detail: 'not compared: no Date header' };
    const seconds = Math.round((Date.now() - theirs) / 1000);
    const ok = Math.abs(seconds) <= MAX_CLOCK_SECONDS;
    const fix = ok
      ? {}
      : { fix: 'set the clock of this machine by NTP: ZEGO refuses tokens of the future' };
    return { check, ok, detail: `differs by ${seconds} s from the OpenID provider's`, ...fix };
  } catch {
    return { check, ok: true, detail: 'not compared: the OpenID provider does not answer' };
  }
}
