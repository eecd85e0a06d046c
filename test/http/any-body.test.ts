import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { openApp } from '../support/app.ts';
import { signJwt } from '../support/jwt.ts';

const RUNS = { numRuns: 400 };

async function sender() {
  const app = await openApp();
  const authorization = `Bearer ${await signJwt()}`;
  return async (body: string | Uint8Array<ArrayBuffer>, type = 'application/json') => {
    const headers = { authorization, 'content-type': type };
    const response = await fetch(`${app.origin}/video-token`, { method: 'POST', headers, body });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
}

function expectAnswer({ status, body }: { status: number; body: Record<string, unknown> }) {
  if (status === 200) expect(body.token).toMatch(/^04/);
  else {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(ERROR_CODES).toContain(body.code);
  }
}

it('any JSON gets a token or a refusal', async () => {
  const send = await sender();
  const property = fc.asyncProperty(fc.json({ noUnicodeString: false }), async (text) =>
    expectAnswer(await send(text)),
  );
  await fc.assert(property, RUNS);
});

it('any bytes get a refusal', async () => {
  const send = await sender();
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) =>
    expectAnswer(await send(Uint8Array.from(bytes))),
  );
  await fc.assert(property, RUNS);
});

it('any ids, of any Unicode, get a token or a refusal', async () => {
  const send = await sender();
  const id = fc.oneof(
    fc.constantFrom('room', 'film', 'alice', "' OR 1=1 --", '__proto__', 'constructor'),
    fc.string({ unit: 'binary', maxLength: 140 }),
    fc.string({ unit: 'grapheme', maxLength: 70 }),
    fc.anything(),
  );
  const ids = fc.record({ roomId: id, videoId: id, userId: id }, { requiredKeys: [] });
  const property = fc.asyncProperty(ids, async (body) => {
    expectAnswer(await send(stringify(body)));
  });
  await fc.assert(property, RUNS);
});

it('any Content-Type that can be sent gets an answer', async () => {
  const send = await sender();
  const type = fc
    .string({ unit: fc.constantFrom(...'aj/;=" ,+-utf8\tjson'), maxLength: 40 })
    .map((end) => `application/json${end}`);
  const property = fc.asyncProperty(type, async (text) =>
    expectAnswer(await send('{"roomId":"room","videoId":"film"}', text)),
  );
  await fc.assert(property, RUNS);
});

/** JSON of anything that fast-check thinks of, BigInt included. */
function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  );
}
