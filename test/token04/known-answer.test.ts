import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createGeneratorWith } from '../../src/token04/generate.ts';
import { decode, type Token04Claims } from '../../src/token04/index.ts';
import { randomBlockFor, SECRET, scriptedRandom } from '../support/tokens.ts';

const CLAIMS = {
  userId: 'User_123',
  payload: '{"room_id":"room_123","video_id":"249850980283048"}',
  createdAt: 1_700_000_000,
  expireAt: 1_700_003_600,
};

const PLAINTEXT =
  '{"app_id":1,"user_id":"User_123","ctime":1700000000,"expire":1700003600,"nonce":123456789,' +
  '"payload":"{\\"room_id\\":\\"room_123\\",\\"video_id\\":\\"249850980283048\\"}"}';

const CBC_TOKEN =
  '04AAAAAGVT/xAAEDAxMjM0NTY3ODlhYmNkZWYAsAUFGfZkW5RJ7T6e6dHiLBPX3xRsrvKjx4Su9gadAVhFaPrIDhjQwbQK1bNUHr22AV9iYbkHfXCdjzLUQhFgiMBBBBsjH/U9IafM+IllFz8vRChsR83AmJJ8xgky8k4WaQp+zkNnLZ4uCUhqEUpQueAQWMlWpyl1GdMakmgHJIviedBngit2tTnoz/iLvf16h+8zmAX9yPJoIppMDt0dA1vG7u+WS2G2BGLgEysrBUcK';

type Vector = {
  generator: string;
  case: string;
  serverSecret: string;
  token: string;
  claims: Token04Claims;
};

const vendorTokens: Vector[] = JSON.parse(
  readFileSync(new URL('../vectors/token04-vendor.json', import.meta.url), 'utf8'),
);

const nonceBytes = Buffer.alloc(4);
nonceBytes.writeUInt32BE(123_456_789);

describe('a CBC token', () => {
  const iv = Buffer.from('0123456789abcdef');

  it('is the known answer byte for byte', () => {
    const random = scriptedRandom(nonceBytes, randomBlockFor(iv));
    const generate = createGeneratorWith({ appId: 1, secret: SECRET }, random);
    expect(generate(CLAIMS)).toBe(CBC_TOKEN);
  });

  it('chains the next token to the last block of the one before, and is still readable', () => {
    const blocks = [nonceBytes, randomBlockFor(iv), nonceBytes, Buffer.alloc(16, 7)];
    const generate = createGeneratorWith({ appId: 1, secret: SECRET }, scriptedRandom(...blocks));
    generate(CLAIMS);
    const { claims } = decode(generate(CLAIMS), { secrets: [SECRET] });
    expect(claims).toEqual({ ...CLAIMS, appId: 1, nonce: 123_456_789 });
  });

  it('takes the lower 31 bits of four random bytes as its nonce', () => {
    const random = scriptedRandom(Buffer.alloc(4, 0xff), randomBlockFor(iv));
    const token = createGeneratorWith({ appId: 1, secret: SECRET }, random)(CLAIMS);
    expect(decode(token, { secrets: [SECRET] }).claims.nonce).toBe(2_147_483_647);
  });
});

describe('a GCM token', () => {
  const iv = Buffer.from('0123456789ab');
  const random = scriptedRandom(nonceBytes, iv);
  const token = createGeneratorWith({ appId: 1, secret: SECRET, mode: 'gcm' }, random)(CLAIMS);
  const bytes = Buffer.from(token.slice(2), 'base64');

  it('has the expiry, IV, length and mark at their places', () => {
    expect(token.slice(0, 2)).toBe('04');
    expect(bytes.readBigInt64BE(0)).toBe(1_700_003_600n);
    expect(bytes.readUInt16BE(8)).toBe(12);
    expect(bytes.subarray(10, 22)).toEqual(iv);
    expect(bytes.readUInt16BE(22)).toBe(Buffer.byteLength(PLAINTEXT) + 16);
    expect(bytes.length).toBe(24 + Buffer.byteLength(PLAINTEXT) + 16 + 1);
    expect(bytes.at(-1)).toBe(1);
  });

  it('decrypts to the known plaintext by AES-256-GCM alone', () => {
    const decipher = createDecipheriv('aes-256-gcm', SECRET, iv);
    decipher.setAuthTag(bytes.subarray(-17, -1));
    const text =
      decipher.update(bytes.subarray(24, -17), undefined, 'utf8') + decipher.final('utf8');
    expect(text).toBe(PLAINTEXT);
  });
});

describe("a token of ZEGO's own generators", () => {
  it('comes in 35 examples', () => expect(vendorTokens).toHaveLength(35));

  it.each(vendorTokens)('decodes to its claims: $generator, $case', (vector) => {
    const { generator, token, serverSecret, claims } = vector;
    const decoded = decode(token, { secrets: [serverSecret], appId: claims.appId });
    const mode = generator === 'go-gcm' ? 'gcm' : 'cbc';
    expect(decoded).toEqual({ mode, claims, secretIndex: 0 });
  });
});
