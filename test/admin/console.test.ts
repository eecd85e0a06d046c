import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { CODES, REASONS, REMEDIES } from '../../console/src/reasons.ts';
import { WORDS } from '../../console/src/words.ts';
import { RULES } from '../../src/access/rules.ts';
import { adminKey } from '../../src/config/admin-keys.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { adminOptions, openInternal } from '../support/admin.ts';

const KEYS = [adminKey('support', 'x'.repeat(32), 'read')];
const PATHS = ['/', '/console/console.js', '/console/console.css', '/console/icon.svg'];
const LIMIT_BYTES = 60 * 1024;

/** The words of a table with the names that lead to them, functions by their name. */
function leavesOf(table: object, path = ''): string[] {
  return Object.entries(table).flatMap(([name, value]) =>
    typeof value === 'object' ? leavesOf(value, `${path}${name}.`) : [`${path}${name}`],
  );
}

describe('the console', () => {
  it('is served with a policy that allows this listener alone', async () => {
    const { origin } = await openInternal(adminOptions(() => KEYS));
    for (const path of PATHS) {
      const { headers } = await supertest(origin).get(path).expect(200);
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
      await supertest(origin).get(path).set('if-none-match', String(headers.etag)).expect(304);
    }
  });

  it('has no inline script or style, and nothing from elsewhere', async () => {
    const { origin } = await openInternal(adminOptions(() => KEYS));
    const { text } = await supertest(origin).get('/').expect(200);
    expect(text).not.toMatch(/<style|<script(?![^>]* src=)| style=| on\w+=|https?:/i);
  });

  it.each(['evil.example', 'console.example:9090', '127.0.0.1.evil.example'])(
    'is not there under the name %s, which is none of ours',
    async (host) => {
      const { origin } = await openInternal(adminOptions(() => KEYS));
      for (const path of PATHS) {
        const { body } = await supertest(origin).get(path).set({ host }).expect(421);
        expect(body.code).toBe('host_not_allowed');
      }
    },
  );

  it('is not there without a key', async () => {
    const { origin } = await openInternal(undefined);
    for (const path of PATHS) await supertest(origin).get(path).expect(404);
  });

  it('is at most 60 kB compressed', () => {
    const sizes = ['console.js', 'console.css', 'index.html'].map((name) => {
      const file = new URL(`../../console/dist/${name}`, import.meta.url);
      return brotliCompressSync(readFileSync(file)).length;
    });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(LIMIT_BYTES);
  });
});

describe.each(['en', 'zh'] as const)('the words in %s', (language) => {
  it('have a sentence for each rule, and no other', () => {
    const rules = RULES.map(({ name }) => name);
    expect(Object.keys(REASONS[language]).sort()).toEqual(rules.sort());
    for (const name of Object.keys(REMEDIES)) expect(rules).toContain(name);
  });

  it('have a sentence for each code of a decision', () => {
    // Codes of a request that no token route decides.
    const others = ['not_found', 'method_not_allowed', 'headers_too_large'];
    const late = ['request_timeout', 'body_too_large', 'unsupported_media_type'];
    for (const code of ERROR_CODES.filter((code) => ![...others, ...late].includes(code))) {
      expect(CODES[language]).toHaveProperty(code);
    }
  });

  it('are those of the other language', () => {
    expect(leavesOf(WORDS[language])).toEqual(leavesOf(WORDS.en));
    const texts = JSON.stringify([WORDS[language], REASONS[language], CODES[language]]);
    // Chinese has no Latin sentence, English no Chinese but the name of the other language.
    if (language === 'zh') {
      const names = RULES.map(({ name }) => name).join('|');
      expect(texts.replaceAll(new RegExp(names, 'g'), '')).not.toMatch(/([a-z]{3,} ){2}[a-z]{3,}/);
    } else expect(texts.replace('中文', '')).not.toMatch(/\p{Script=Han}/u);
  });
});
