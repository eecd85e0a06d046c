import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../src/config/identity/presets.ts';
import { load } from '../support/environment.ts';

/** What a reader puts in the place of the words that stand for values. */
const VALUES: Readonly<Record<string, string>> = {
  TENANT_ID: '11111111-2222-3333-4444-555555555555',
  CLIENT_ID: '66666666-7777-8888-9999-000000000000',
  APP_ID: '5f7c0000000000000000abcd',
  '…': 'ABCDEFGH',
};

const read = (file: string) => readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8');

/** The lines of configuration of each provider in the table of a page. */
function linesOf(file: string): string[][] {
  const rows = read(file)
    .split('\n')
    .filter((row) => /^\|.*`AUTH_(PROVIDER|ISSUER)=/.test(row));
  return rows.map((row) => {
    const cell = row.split('|')[2] ?? '';
    return [...cell.matchAll(/`(AUTH_[A-Z_]+=[^`]+)`/g)].map(([, line]) => line as string);
  });
}

const ENGLISH = linesOf('identity-providers.md');

describe('the lines of docs/identity-providers', () => {
  it.each(ENGLISH.map((lines) => [lines.join(' '), lines] as const))(
    'start the service as they stand: %s',
    (_name, lines) => {
      const variables = lines.map((line) => {
        const filled = Object.entries(VALUES).reduce(
          (text, [word, value]) => text.replaceAll(word, value),
          line,
        );
        return filled.split(/=(.*)/s).slice(0, 2);
      });
      const { auth } = load({ AUTH_JWT_SECRET: '', ...Object.fromEntries(variables) });
      expect(auth.providers.length).toBeGreaterThan(0);
    },
  );

  it('are the same in both languages', () => {
    expect(linesOf('identity-providers.zh-CN.md')).toEqual(ENGLISH);
  });

  it('name every preset', () => {
    const named = ENGLISH.flat().map((line) => /^AUTH_PROVIDER=(\w+)/.exec(line)?.[1]);
    expect(new Set(named.filter(Boolean))).toEqual(new Set(Object.keys(PRESETS)));
  });
});
