import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeClaims } from '../../src/token04/claims.ts';
import { createGenerator, decode, parseSecret } from '../../src/token04/index.ts';
import { thrownBy } from '../support/errors.ts';
import { envelope, handmadeToken, SECRET } from '../support/tokens.ts';

const EXPIRE = 1_700_003_600;
const CLAIMS = {
  app_id: 1,
  user_id: 'u',
  ctime: 1_700_000_000,
  expire: EXPIRE,
  nonce: 1,
  payload: '',
};
const read = (token: string) => decode(token, { secrets: [SECRET] });
const codeOf = (work: () => unknown) => (thrownBy(work) as { code?: string }).code;

/** A CBC token whose plaintext ends with `padding`, preceded by blanks that JSON allows. */
function padded(padding: number[]): string {
  const json = JSON.stringify(CLAIMS);
  const blanks = ' '.repeat(16 - ((json.length + padding.length) % 16));
  const iv = Buffer.alloc(16, 7);
  const cipher = createCipheriv('aes-256-cbc', SECRET, iv).setAutoPadding(false);
  const message = Buffer.concat([Buffer.from(json + blanks), Buffer.from(padding)]);
  return envelope(EXPIRE, iv, cipher.update(message));
}

function gcmToken(plaintext: string): string {
  const iv = Buffer.alloc(12, 7);
  const cipher = createCipheriv('aes-256-gcm', SECRET, iv);
  const parts = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return envelope(EXPIRE, iv, Buffer.concat(parts), Buffer.from([1]));
}

describe('the padding of CBC', () => {
  it.each([1, 2, 15, 16])('of %i bytes is taken off', (n) => {
    expect(read(padded(Array(n).fill(n))).claims.userId).toBe('u');
  });

  it.each([
    ['of more than a block', Array(17).fill(17)],
    ['whose bytes differ at its start', [32, 3, 3]],
    ['whose bytes differ in the middle', [3, 32, 3]],
    ['whose bytes all differ but the last', [32, 32, 3]],
    ['of no bytes', [0]],
  ])('%s is damage, though JSON stands before it', (_name, padding) => {
    expect(codeOf(() => read(padded(padding)))).toBe('tampered');
  });
});

describe('what decrypts', () => {
  it('and is authentic but no object is no token of another secret', () => {
    expect(codeOf(() => read(gcmToken('[1]')))).toBe('tampered');
    expect(read(gcmToken(JSON.stringify(CLAIMS))).mode).toBe('gcm');
  });

  it('may not begin with a byte order mark', () => {
    expect(codeOf(() => read(handmadeToken(`\ufeff${JSON.stringify(CLAIMS)}`, EXPIRE)))).toBe(
      'wrong_secret',
    );
  });
});

describe('a text', () => {
  it.each([
    ['holds a JWT among other words', 'Bearer a.b.c', 'not_token04'],
    ['begins with a JWT', 'a.b.c d', 'not_token04'],
    ['has a letter that is not of base64 at its start', '04-AAAAA', 'not_token04'],
    ['is a JWT', 'a.b.c', 'is_jwt'],
    ['is cut', '04AAAAA', 'truncated'],
  ])('that %s is named as what it is: %s', (_name, text, code) => {
    expect(codeOf(() => read(text))).toBe(code);
  });

  it.each(['x', ' '])('longer than an AppSign by "%s" is no AppSign', (more) => {
    const appSign = 'a1'.repeat(32);
    expect(codeOf(() => parseSecret(appSign))).toBe('secret_is_app_sign');
    expect(codeOf(() => parseSecret(more + appSign))).toBe('secret_invalid');
    expect(codeOf(() => parseSecret(appSign + more))).toBe('secret_invalid');
  });
});

describe('a generator', () => {
  it('draws anew when its pool is used up', () => {
    const generate = createGenerator({ appId: 1, secret: SECRET });
    const input = { userId: 'u', payload: '', createdAt: 1, expireAt: 2 };
    const tokens = Array.from({ length: 1000 }, () => generate(input));
    const starts = tokens.map((token) =>
      Buffer.from(token.slice(2), 'base64').toString('hex', 10, 26),
    );
    expect(new Set(starts).size).toBe(1000);
    expect(new Set(tokens.map((token) => read(token).claims.nonce)).size).toBeGreaterThan(990);
  });

  it('checks the AppID of every token too', () => {
    const { app_id: _, user_id: userId, ctime: createdAt, expire: expireAt, ...rest } = CLAIMS;
    expect(codeOf(() => encodeClaims({ ...rest, userId, createdAt, expireAt, appId: 0 }))).toBe(
      'app_id_invalid',
    );
  });
});
