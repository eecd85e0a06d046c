import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createGenerator,
  decode,
  MAX_LIFETIME_SECONDS,
  Token04Error,
} from '../../src/token04/index.ts';
import { thrownBy } from '../support/errors.ts';
import { envelope, handmadeToken, SECRET } from '../support/tokens.ts';

const modes = ['cbc', 'gcm'] as const;
const wellFormed = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const input = fc
  .record({
    appId: fc.integer({ min: 1, max: 0xffff_ffff }),
    userId: wellFormed(20).filter((id) => id !== '' && Buffer.byteLength(id) <= 64),
    payload: fc.oneof(wellFormed(300), fc.json(), fc.constant('"\\\0\u2028')),
    createdAt: fc.integer({ min: 0, max: 2 ** 40 }),
    lifetime: fc.integer({ min: 1, max: MAX_LIFETIME_SECONDS }),
  })
  .map(({ lifetime, ...rest }) => ({ ...rest, expireAt: rest.createdAt + lifetime }));

/** Fails on success, on any other error and on one that says nothing. */
function expectToken04Error(work: () => unknown): void {
  const error = thrownBy(work);
  if (!(error instanceof Token04Error)) throw error;
  expect(error.message).toMatch(/^[A-Za-z].*[.?]$/);
}

describe.each(modes)('every token in %s mode', (mode) => {
  it('gives back what it was made from', () => {
    fc.assert(
      fc.property(input, ({ appId, ...rest }) => {
        const token = createGenerator({ appId, secret: SECRET, mode })(rest);
        const decoded = decode(token, { secrets: [SECRET], appId });
        const nonce = expect.any(Number);
        expect(decoded).toEqual({ mode, claims: { appId, nonce, ...rest }, secretIndex: 0 });
      }),
    );
  });

  it('is refused when any one byte of it differs', () => {
    fc.assert(
      fc.property(
        input,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ({ appId, ...rest }, at, mask) => {
          const token = createGenerator({ appId, secret: SECRET, mode })(rest);
          const bytes = Buffer.from(token.slice(2), 'base64');
          const index = at % bytes.length;
          bytes.writeUInt8(bytes.readUInt8(index) ^ mask, index);
          const damaged = `04${bytes.toString('base64')}`;
          // The AppID stands in the first block, which CBC lets anyone change through the IV.
          expectToken04Error(() => decode(damaged, { secrets: [SECRET], appId }));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is refused when it is cut anywhere, by characters or by bytes', () => {
    fc.assert(
      fc.property(input, fc.nat(), ({ appId, ...rest }, at) => {
        const token = createGenerator({ appId, secret: SECRET, mode })(rest);
        const bytes = Buffer.from(token.slice(2), 'base64');
        const fewer = bytes.subarray(0, at % bytes.length).toString('base64');
        expectToken04Error(() => decode(token.slice(0, at % token.length), { secrets: [SECRET] }));
        expectToken04Error(() => decode(`04${fewer}`, { secrets: [SECRET] }));
      }),
    );
  });

  it('is refused under any other secret', () => {
    fc.assert(
      fc.property(input, fc.uint8Array(), ({ appId, ...rest }, seed) => {
        const token = createGenerator({ appId, secret: SECRET, mode })(rest);
        const other = createHash('md5').update(seed).digest('hex');
        expectToken04Error(() => decode(token, { secrets: [other] }));
      }),
    );
  });
});

describe('decode', () => {
  const secrets = [SECRET];
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));

  it('throws nothing but a Token04Error at any text', () => {
    const texts = fc.oneof(
      wellFormed(100),
      fc.string({ unit: 'grapheme' }),
      fc.base64String().map((text) => `04${text}`),
      bytes.map((body) => `04${body.toString('base64')}`),
    );
    fc.assert(
      fc.property(texts, (text) => expectToken04Error(() => decode(text, { secrets }))),
      { numRuns: 1000 },
    );
  });

  it('throws nothing but a Token04Error at a well-formed envelope of any bytes', () => {
    const ivs = fc.constantFrom(12, 16).chain((n) => fc.uint8Array({ minLength: n, maxLength: n }));
    const trailers = fc.constantFrom(Buffer.alloc(0), Buffer.from([1]));
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        ivs,
        bytes,
        trailers,
        (expire, iv, body, end) => {
          expectToken04Error(() =>
            decode(envelope(expire, Buffer.from(iv), body, end), { secrets }),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('throws nothing but a Token04Error at a token whose plaintext is any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expectToken04Error(() => decode(handmadeToken(json, 1), { secrets }));
      }),
    );
  });
});
