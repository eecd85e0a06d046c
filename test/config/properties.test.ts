import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { unknownVariables } from '../../src/config/suggest.ts';
import { FILE_VARIABLES, variables } from '../../src/config/variables.ts';
import { LEAST } from '../support/environment.ts';

const names = [...Object.keys(variables), ...FILE_VARIABLES.map((name) => `${name}_FILE`)];
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...names) },
  fc.constantFrom('__proto__', 'constructor', 'VITE_ZEGO_SECRET'),
  fc.string(),
);
const plausible = fc.constantFrom(
  ...['http', 'postgres', 'claims', 'true', '1', '*', 'RS256', 'HS256,none', 'https://a.example'],
  ...['-----BEGIN PUBLIC KEY-----', '{"kty":"RSA"}', '{"kty":"oct","k":"x"}', '{}', '{', '::1/64'],
);
const value = fc.oneof(fc.string({ unit: 'binary' }), plausible, fc.constant(undefined));
const environment = fc
  .array(fc.tuple(name, value), { maxLength: 12 })
  .chain((entries) =>
    fc.constantFrom({}, LEAST).map((least) => ({ ...least, ...Object.fromEntries(entries) })),
  );
const provider = fc.record(
  {
    issuer: fc.oneof(fc.string(), fc.anything()),
    secret: fc.oneof(fc.string({ minLength: 32 }), fc.anything()),
    publicKey: fc.oneof(plausible, fc.anything()),
    jwksUrl: fc.oneof(fc.webUrl(), fc.anything()),
    audience: fc.oneof(fc.string(), fc.array(fc.string()), fc.anything()),
    userPrefix: fc.oneof(fc.string(), fc.anything()),
    secretFile: fc.anything(),
  },
  { requiredKeys: [] },
);
const fileText = fc.oneof(
  fc.string(),
  fc.json(),
  fc.array(provider).map((list) => JSON.stringify(list, dropBigints)),
);

function dropBigints(_key: string, item: unknown): unknown {
  return typeof item === 'bigint' ? 0 : item;
}

/** The error, or undefined for a configuration that loads. */
function loadError(variables: Record<string, string | undefined>, readFile: () => string) {
  try {
    loadConfig(variables, readFile);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('for any environment and any files', () => {
  it('loadConfig throws nothing but a ConfigError, with a line for each problem', () => {
    fc.assert(
      fc.property(environment, fc.option(fileText), (variables, text) => {
        const error = loadError(variables, () => {
          if (text === null) throw new Error('ENOENT');
          return text;
        });
        if (error === undefined) return;
        if (!(error instanceof ConfigError)) throw error;
        expect(error.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('unknownVariables throws nothing', () => {
    fc.assert(fc.property(environment, (variables) => void unknownVariables(variables)));
  });
});

describe('a value that is wrong', () => {
  const canary = 'CANARY-5f1b0c7e9a3d';
  const around = fc.constantFrom(
    canary,
    `${canary}${'x'.repeat(13)}`,
    `postgres://user:${canary}@db/x`,
    `https://user:${canary}@db/x`,
    `{"kty":"oct","k":"${canary}"}`,
    `{"kty":"RSA","n":"${canary}"}`,
    `{"${canary}`,
    `-----BEGIN PRIVATE KEY-----\n${canary}`,
    `[{"issuer":"${canary}","secret":"${canary}"}]`,
    `[{"secret":"${canary}","algorithms":["${canary}"],"userPrefix":"${canary.repeat(3)}"}]`,
    `[{"jwksUrl":"${canary}","userClaim":5}]`,
  );

  it('is never quoted in a message, be it in the environment or in a file', () => {
    const entry = fc.tuple(fc.constantFrom(...names), around);
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1 }), around, (entries, text) => {
        const error = loadError({ ...LEAST, ...Object.fromEntries(entries) }, () => text);
        const missing = loadError({ ...LEAST, ...Object.fromEntries(entries) }, () => {
          throw new Error(`no such file ${canary}`);
        });
        const message = `${(error as Error)?.stack} ${(missing as Error)?.stack}`;
        expect(message).not.toContain(canary);
      }),
      { numRuns: 2_000 },
    );
  });
});
