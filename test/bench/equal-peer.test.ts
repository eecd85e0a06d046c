import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildGoPeer } from '../../bench/peers.ts';
import { JWT_SECRET } from '../../bench/requests.ts';
import { type BenchServer, SERVER_SECRET, SERVICE, startServer } from '../../bench/server.ts';
import { inspectToken } from '../../src/operator/inspect.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith } from '../support/program.ts';
import { writeSample } from '../support/sample.ts';
import { BODY, bearer, CASES, type Case, ENVIRONMENT, FILMS, LATER, NONE, RS256 } from './cases.ts';

/** Of the connection and of the clock, not of the answer. */
const OF_TRANSPORT = ['connection', 'date', 'keep-alive', 'transfer-encoding'];
/** Of a line of the audit log. */
const OF_RUN = ['time', 'durationMs', 'expireAt'];

type Issued = { token: string; expireAt: number };
type Server = BenchServer & { log: string; internalPort: number };
type Pair = { service: Server; peer: Server };

/** The service and the peer, with the same variables on the same file. */
async function startPair(peer: string, folder: string, keys: Record<string, string>) {
  const start = async (options: Pick<typeof SERVICE, 'command' | 'probe'>, name: string) => {
    const internalPort = await freePort();
    const env = { ...SERVICE.env, ...ENVIRONMENT, ...keys, INTERNAL_PORT: `${internalPort}` };
    const log = join(folder, `${name}.log`);
    const server = await startServer({ ...options, name, port: await freePort(), env, log });
    return { ...server, log, internalPort };
  };
  const id = Object.keys(keys).join();
  return {
    service: await start(SERVICE, `service-${id}`),
    peer: await start({ command: [peer], probe: '/readyz' }, `peer-${id}`),
  };
}

/** Sends a case, and what comes before it, and returns the last answer. */
async function send(port: number, one: Case, index: number) {
  const { method = 'POST', path = '/video-token', before, body = BODY } = one;
  const given = { 'content-type': 'application/json', ...bearer(), ...one.headers };
  const headers = Object.entries(given).filter(([, value]) => value !== NONE);
  for (let n = before?.times ?? 0; ; n--) {
    const host = before?.addresses === 'several' ? n : 0;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: [
        ...headers,
        ['x-forwarded-for', `10.0.${index}.${host}`],
        ['x-request-id', `case-${index}-${n}`],
      ] as [string, string][],
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (n > 0) continue;
    const kept = [...response.headers].filter(([name]) => !OF_TRANSPORT.includes(name));
    return { status: response.status, headers: Object.fromEntries(kept), body: JSON.parse(text) };
  }
}

/** Whether the command inspect takes a token, and what it says. */
function inspect({ token, expireAt }: Issued, { roomId, videoId }: typeof BODY) {
  const now = Math.floor(Date.now() / 1000);
  const expected = { secrets: [SERVER_SECRET], appId: 1, userId: 'alice', roomId, videoId, now };
  const { claims, ...inspection } = inspectToken(token, { ...expected, kind: 'video' });
  return { ...inspection, agrees: claims?.expireAt === expireAt };
}

/** The lines of the audit log by request, without what differs from run to run. */
function linesOf({ log }: Server) {
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line)).filter(({ event }) => event);
  return new Map(
    events.map(({ requestId, ...event }) => {
      const kept = Object.entries(event).filter(([name]) => !OF_RUN.includes(name));
      return [requestId, Object.fromEntries(kept)];
    }),
  );
}

/** The counters of decisions, of the cache and of the limits. */
async function countersOf({ internalPort }: Server): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${internalPort}/metrics`)).text();
  const counters = /^(?:video_token_decisions|auth_cache|rate_limited)_total\{.* [1-9].*$/gm;
  return (text.match(counters) ?? []).sort();
}

describeWith('go', 'the Go peer of the benchmark', () => {
  const folder = temporaryFolder();
  let hs256: Pair | undefined;
  let rs256: Pair | undefined;

  beforeAll(async () => {
    const peer = buildGoPeer(folder.path, './equal');
    if (!peer && process.env.CI === 'true')
      throw new Error('libsqlite3-dev must be installed in CI');
    if (!peer) return;
    const path = await writeSample(folder.path, FILMS);
    const shared = { ACCESS_SQLITE_PATH: path };
    hs256 = await startPair(peer, folder.path, { AUTH_JWT_SECRET: JWT_SECRET, ...shared });
    const AUTH_JWT_PUBLIC_KEY = RS256.publicKey ?? '';
    rs256 = await startPair(peer, folder.path, {
      AUTH_JWT_PUBLIC_KEY,
      TOKEN_MODE: 'gcm',
      ...shared,
    });
  });

  afterAll(async () => {
    const pairs = [hs256, rs256].filter((pair) => pair !== undefined);
    await Promise.all(pairs.flatMap(({ service, peer }) => [service.stop(), peer.stop()]));
    folder.remove();
  });

  const running = (pair: Pair | undefined, skip: (note: string) => never) =>
    pair ?? skip('libsqlite3-dev is not installed');

  it.for(CASES.map((one, index) => ({ ...one, index })))(
    'answers $name as the service does: $code',
    async ({ index, ...one }, { skip }) => {
      const { service, peer } = running(hs256, skip);
      const expected = await send(service.port, one, index);
      const seen = await send(peer.port, one, index);
      if (one.code !== 'issued') {
        expect(expected.body.code).toBe(one.code);
        expect(seen).toEqual(expected);
        return;
      }
      const body = { token: expect.any(String), expireAt: expect.any(Number) };
      expect(expected).toMatchObject({ status: 200, body });
      // A nonce of another length can take another block.
      const headers = { ...expected.headers, 'content-length': expect.stringMatching(/^\d+$/) };
      expect(seen).toEqual({ ...expected, headers, body });
      expect(Math.abs(seen.body.expireAt - expected.body.expireAt)).toBeLessThanOrEqual(2);
      const asked = (one.body ?? BODY) as typeof BODY;
      expect(inspect(seen.body, asked)).toMatchObject({ valid: true, mode: 'cbc', agrees: true });
      expect(inspect(seen.body, asked)).toEqual(inspect(expected.body, asked));
    },
  );

  it('ends a token with the licence', async ({ skip }) => {
    const { peer } = running(hs256, skip);
    const body = { roomId: 'more', videoId: 'ends' };
    const one = { name: '', code: 'issued', body };
    expect((await send(peer.port, one, CASES.length)).body.expireAt).toBe(LATER);
    expect((await send(hs256?.service.port ?? 0, one, CASES.length)).body.expireAt).toBe(LATER);
  });

  it('logs every decision as the service does, and counts the same', async ({ skip }) => {
    const { service, peer } = running(hs256, skip);
    const last = `case-${CASES.length}-0`;
    // Both write their lines some time later.
    for (const one of [service, peer]) {
      await expect.poll(() => linesOf(one).has(last)).toBe(true);
    }
    expect(linesOf(peer)).toEqual(linesOf(service));
    expect(await countersOf(peer)).toEqual(await countersOf(service));
  });

  it.for([
    { name: 'a JWT', code: 'issued', headers: bearer({}, {}, RS256) },
    { name: 'a cached JWT', code: 'issued', headers: bearer({}, {}, RS256) },
    {
      name: 'a wrong signature',
      code: 'credential_invalid',
      headers: { authorization: bearer({}, {}, RS256).authorization.replace(/.{9}$/, 'AAAAAAAAA') },
    },
    { name: 'a shared secret', code: 'credential_invalid', headers: bearer() },
  ])('takes RS256 and makes GCM as the service does: $name', async (one, { skip }) => {
    const { service, peer } = running(rs256, skip);
    const expected = await send(service.port, one, 0);
    const seen = await send(peer.port, one, 0);
    expect(seen.status).toBe(expected.status);
    expect(seen.body.code).toBe(expected.body.code);
    if (one.code !== 'issued') return;
    expect(inspect(seen.body, BODY)).toMatchObject({ valid: true, mode: 'gcm', agrees: true });
  });
});
