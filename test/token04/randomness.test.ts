import { Cipheriv } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGenerator, decode, type Token04Mode } from '../../src/token04/index.ts';
import { SECRET } from '../support/tokens.ts';

const TOKENS = 100_000;
const IV_BYTES = { cbc: 16, gcm: 12 };
const INPUT = { userId: 'u', payload: '{}', createdAt: 1_700_000_000, expireAt: 1_700_000_060 };

function ivOf(token: string, mode: Token04Mode): string {
  return Buffer.from(token.slice(2, 42), 'base64').toString('latin1', 10, 10 + IV_BYTES[mode]);
}

describe.each(['cbc', 'gcm'] as const)('100,000 tokens of the same second in %s mode', (mode) => {
  const generate = createGenerator({ appId: 1, secret: SECRET, mode });
  const tokens = Array.from({ length: TOKENS }, () => generate(INPUT));

  it('have 100,000 different IVs, and no two tokens are the same', () => {
    expect(new Set(tokens.map((token) => ivOf(token, mode))).size).toBe(TOKENS);
    expect(new Set(tokens).size).toBe(TOKENS);
  });

  it('have nonces from the whole of 0 to 2147483647', () => {
    const nonces = tokens.map((token) => decode(token, { secrets: [SECRET] }).claims.nonce);
    expect(nonces.every((nonce) => nonce >= 0 && nonce <= 2_147_483_647)).toBe(true);
    const average = nonces.reduce((sum, nonce) => sum + nonce, 0) / TOKENS;
    // The average of so many is within 1 % of the middle but for one suite in 10^7.
    expect(average / 2 ** 30).toBeGreaterThan(0.99);
    expect(average / 2 ** 30).toBeLessThan(1.01);
    expect(new Set(nonces).size).toBeGreaterThan(TOKENS - 100);
  });
});

describe('two generators of one project', () => {
  it.each(['cbc', 'gcm'] as const)('never begin with the same IV in %s mode', (mode) => {
    const first = () => createGenerator({ appId: 1, secret: SECRET, mode })(INPUT);
    const ivs = Array.from({ length: 1000 }, () => ivOf(first(), mode));
    expect(new Set(ivs).size).toBe(1000);
  });
});

describe('a CBC generator whose cipher broke', () => {
  afterEach(() => vi.restoreAllMocks());

  it('reports the error and makes good tokens again with a new cipher', () => {
    const generate = createGenerator({ appId: 1, secret: SECRET });
    const update = vi.spyOn(Cipheriv.prototype, 'update');
    update.mockImplementationOnce(function (this: Cipheriv) {
      // What OpenSSL does to a context that failed: it is of no use any more.
      this.final();
      throw new Error('broken');
    });
    expect(() => generate(INPUT)).toThrow('broken');
    expect(decode(generate(INPUT), { secrets: [SECRET] }).claims).toMatchObject(INPUT);
  });
});
