import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createDiscovery } from '../../src/auth/keys/discovery.ts';
import type { ServiceError } from '../../src/errors.ts';
import { causeOf, describeCause } from '../../src/messages/causes.ts';
import { escapeUnsafe, printable, printableJson } from '../../src/messages/printable.ts';
import { runExplainJwt } from '../../src/operator/jwt-cli.ts';
import { FORMATS } from '../../src/operator/report-format.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { NOW } from '../support/clock.ts';
import { runCommand } from '../support/command.ts';
import { CLAIMS, compact, hmac } from '../support/compact.ts';
import { rejectionOf } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { openJwksServer } from '../support/jwks-server.ts';
import { openVerifier } from '../support/verifier.ts';

const SECRET = 'seventeen-horses-drink-from-the-river';
const folder = temporaryFolder();
afterAll(folder.remove);

/** C0 and C1, DEL, soft hyphen, bidi, zero width, separators, BOM, tags, variation selectors, surrogates. */
const POINTS = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at),
  0xad,
  0x34f,
  0x61c,
  0x115f,
  0x180e,
  0x200b,
  0x200c,
  0x200d,
  0x200e,
  0x200f,
  0x2028,
  0x2029,
  0x202a,
  0x202b,
  0x202c,
  0x202d,
  0x202e,
  0x2060,
  0x2061,
  0x2066,
  0x2067,
  0x2068,
  0x2069,
  0x206f,
  0x3164,
  0xfe00,
  0xfe0f,
  0xfeff,
  0xfff9,
  0xfffb,
  0xfffe,
  0xffff,
  0xd800,
  0xdbff,
  0xdc00,
  0xdfff,
  0x1d173,
  0xe0000,
  0xe0001,
  0xe0020,
  0xe007f,
  0xe0100,
];
/** Written by another hand than the pattern in src/messages/printable.ts. */
const FORBIDDEN = new Set(POINTS);
const found = (text: string, allowed: readonly number[] = []) =>
  Array.from(text, (character) => character.codePointAt(0) ?? 0).filter(
    (point) => FORBIDDEN.has(point) && !allowed.includes(point),
  );

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(...POINTS).map((point) => String.fromCodePoint(point)),
      fc.constantFrom('a', '-', '"', '=', ' ', '\\', 'é', '电', '\u001b[2J', '\u001b]0;x\u0007'),
    ),
    { minLength: 1, maxLength: 30 },
  )
  .map((parts) => parts.join(''));
const RUNS = { numRuns: 60 };

/** Sign-in by a verified JWT whose claims a stranger chose. */
const token = (text: string) =>
  compact(
    { alg: 'HS256', kid: text },
    { ...CLAIMS, iss: text, aud: [text], client_id: text, exp: NOW * 2 },
    hmac(SECRET),
  );
const LINE_END = [10];

describe('text that a stranger chooses', () => {
  it('loses each such character, one by one', () => {
    for (const point of POINTS) {
      expect(printable(`a${String.fromCodePoint(point)}b`)).toBe('ab');
      const json = printableJson({ a: `x${String.fromCodePoint(point)}` });
      expect(found(json)).toEqual([]);
      expect(JSON.parse(json)).toEqual({ a: `x${String.fromCodePoint(point)}` });
    }
    expect(printable('电影 é – 100 %')).toBe('电影 é – 100 %');
    expect(printable('a\u00a0b\u3000c')).toBe('a b c');
    expect(escapeUnsafe('{"a":"\u2028"}\n')).toBe('{"a":"\\u2028"}\n');
  });

  it('has none in a reason', async () => {
    const verifiers = [
      await openVerifier({ secret: SECRET, issuer: 'us' }),
      await openVerifier({ secret: SECRET, audience: 'films' }),
      await openVerifier({ secret: SECRET, audience: null }),
      await openVerifier({ secret: SECRET, audience: 'x', audienceClaim: 'client_id' }),
      await openVerifier({ secret: SECRET, requiredClaims: { client_id: 'x' } }),
      await openVerifier({ secret: SECRET, requiredClaims: { aud: 'x' } }),
    ];
    const check = async (text: string) => {
      for (const { verify } of verifiers) {
        const { extras } = (await rejectionOf(verify(token(text), NOW))) as ServiceError;
        expect(extras.reason?.received).toBeDefined();
        expect(found(Object.values(extras.reason ?? {}).join())).toEqual([]);
      }
      const odd = compact({ alg: text }, CLAIMS, hmac(SECRET));
      const { verify } = verifiers[0] as (typeof verifiers)[0];
      const { extras } = (await rejectionOf(verify(odd, NOW))) as ServiceError;
      expect(found(Object.values(extras.reason ?? {}).join())).toEqual([]);
    };
    await fc.assert(fc.asyncProperty(hostile, check), RUNS);
  });

  it('has none in what explain --jwt prints', async () => {
    const file = join(folder.path, 'jwt');
    const environment = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: 'us', AUTH_AUDIENCE: 'films' };
    const context = { environment, readFile: readRegularFile, dotenv: () => '' };
    const check = async (text: string) => {
      for (const jwt of [token(text), compact({ alg: text }, CLAIMS, hmac(SECRET))]) {
        writeFileSync(file, jwt);
        for (const json of [false, true]) {
          const { stdout, stderr } = await runCommand((terminal) =>
            runExplainJwt(file, { ...context, terminal }, json),
          );
          expect(found(stdout + stderr, LINE_END)).toEqual([]);
          if (json)
            expect(found(Object.values(JSON.parse(stdout)).flat().map(deepText).join())).toEqual(
              [],
            );
        }
      }
    };
    await fc.assert(fc.asyncProperty(hostile, check), RUNS);
  });

  it('has none in a log line, a metric, and a report', () => {
    const check = async (text: string) => {
      const lines: string[] = [];
      const logger = createLogger({ write: (line) => void lines.push(line) }, 'info');
      logger.info({ issuer: text, [text]: text, nested: { origin: [text] } }, text);
      expect(lines).toHaveLength(1);
      expect(found(lines.join(), LINE_END)).toEqual([]);
      expect(JSON.parse(lines.join())).toMatchObject({
        issuer: text.toWellFormed() === text ? text : expect.any(String),
      });
      const metrics = createMetrics('claims');
      metrics.auth.jwksFetched(text, 'ok');
      const shown = (await metrics.registry.metrics())
        .split('\n')
        .filter((line) => line.includes('jwks_fetch_total'));
      expect(found(shown.join())).toEqual([]);
      const numbers = { issued: 1, failed: 0, users: 1, p50Ms: 1, p99Ms: 1 };
      const row = { day: text, video: text, territory: text, denied: { [text]: 1 }, ...numbers };
      for (const format of Object.values(FORMATS)) {
        for (const line of format([row], 'video')) expect(found(line)).toEqual([]);
      }
    };
    return fc.assert(fc.asyncProperty(hostile, check), RUNS);
  });

  it('has none in the sentence of a failed discovery, which names the issuer that came', async () => {
    const text = `https://evil.example/${POINTS.map((point) => String.fromCodePoint(point)).join('')}`;
    const server = await openJwksServer((_request, response) =>
      response.end(JSON.stringify({ issuer: text, jwks_uri: 'https://evil.example/jwks' })),
    );
    const { origin } = new URL(server.url);
    const discovery = createDiscovery({ issuer: origin, allowHttp: false });
    const sentence = describeCause(causeOf(await rejectionOf(discovery.jwksUrl())));
    expect(found(sentence)).toEqual([]);
    expect(sentence).toContain('another issuer, https://evil.example/');
    expect(sentence).toMatch(/AUTH_ISSUER.*AUTH_JWKS_URL/);
  });
});

function deepText(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  return Object.values(value).map(deepText).join();
}
