import { type Config, loadConfig } from '../config/config.ts';
import type { Environment, ReadFile } from '../config/environment.ts';
import { accessFailure, redisFailure } from '../config/failures.ts';
import { ConfigError } from '../config/problems.ts';
import { unknownVariables, unusedVariables } from '../config/suggest.ts';
import { createMemoryCounter } from '../http/rate-limit.ts';
import { printable } from '../messages/printable.ts';
import { type OpenedAccess, openAccess } from '../open-access.ts';
import { unixSeconds } from '../time.ts';
import { createGenerator, decode } from '../token04/index.ts';
import { warnOfIds } from './doctor-ids.ts';
import { checkClock, checkKeys, type Finding } from './doctor-providers.ts';
import { EXIT_CONFIG, EXIT_NO } from './failure.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

const REDIS_MS = 2_000;
const ID_FIX = 'rename them: nobody gets a token for them (docs/identity-providers.md, "Ids")';

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
  if (json) terminal.print(JSON.stringify({ healthy, findings }));
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
  yield checkToken(config);
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

async function checkAccess({ access }: Config): Promise<Finding> {
  const check = `access (${access.mode})`;
  const nobody = { userId: 'doctor', roomId: 'doctor', videoId: 'doctor', country: undefined };
  let opened: OpenedAccess | undefined;
  try {
    opened = await openAccess(access, { readOnly: true });
    const started = performance.now();
    await opened.service.check({ ...nobody, requestId: 'doctor' }, 0);
    const duration = `answers in ${(performance.now() - started).toFixed(1)} ms`;
    if (access.mode === 'postgres' && opened.database) {
      const { assertUtf8 } = await import('../directory/postgres/open.ts');
      await assertUtf8(opened.database);
    }
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
