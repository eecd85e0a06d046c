import type { RequestListener } from 'node:http';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createJwks, type Jwks, type UnverifiedJws } from '../../src/auth/keys/jwks.ts';
import { DIRECT } from '../../src/config/outbound.ts';
import { createOutbound } from '../../src/outbound.ts';
import { NOW } from '../support/clock.ts';
import { rejectionOf } from '../support/errors.ts';
import { type JwksServer, keySet, openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';
import { jumpingTime } from '../support/monotonic.ts';

const first = newKeys('ES256', 'first').publicJwk;
const second = newKeys('ES256', 'second').publicJwk;
const UNAVAILABLE = {
  name: 'ServiceError',
  code: 'dependency_unavailable',
  extras: { reason: { code: 'jwks_unavailable' } },
};

const AMBIGUOUS = { code: 'credential_invalid', extras: { reason: { code: 'key_unusable' } } };
/** Thrown when the current key set has no key. */
const NO_KEY = new Error('no key');

type Opened = Jwks & {
  server: JwksServer;
  results: string[];
  changes(): number;
  /** The end of the next fetch. */
  fetched(): Promise<string>;
  /** Turns the clock of the keys on; timers are left alone. */
  pass(milliseconds: number): void;
  /** The key for a JWT of this key id that was made at this time, or at one that is not known. */
  lookUp(kid: string | undefined, alg?: string, jws?: Partial<UnverifiedJws>): Promise<unknown>;
};

async function open(answer: RequestListener = keySet(first), timeoutMs = 2_000): Promise<Opened> {
  const server = await openJwksServer(answer);
  const results: string[] = [];
  let waiting = Promise.withResolvers<string>();
  let changes = 0;
  let now = 0;
  const jwks = createJwks({
    algorithms: ['ES256', 'ES384', 'EdDSA', 'HS256'],
    locate: async () => server.url,
    outbound: createOutbound({ ...DIRECT, timeoutMs }),
    clock: () => now,
    onClock() {},
    onChange: () => void changes++,
    onFetch(error) {
      const result = error === undefined ? 'ok' : 'error';
      results.push(result);
      waiting.resolve(result);
      waiting = Promise.withResolvers();
    },
  });
  onTestFinished(jwks.close);
  return {
    ...jwks,
    server,
    results,
    changes: () => changes,
    fetched: () => waiting.promise,
    pass: (milliseconds) => {
      now += milliseconds;
    },
    async lookUp(kid, alg = 'ES256', given = {}) {
      const header = { alg, ...(kid !== undefined && { kid }) };
      const facts = { issuedAt: NOW, now: NOW, wasVerified: false, isSignedBy: () => true };
      const jws: UnverifiedJws = { token: `${kid}`, header, ...facts, ...given };
      const key = (await jwks.find(header)).find(jws.isSignedBy);
      if (key) return key;
      const latest = await jwks.findLatest(jws);
      if (!latest) throw NO_KEY;
      return latest;
    },
  };
}

const html: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'text/html').end('<html>Sign in to the Wi-Fi</html>');
};
const hang: RequestListener = () => {};
const HOSTILE: [string, RequestListener][] = [
  ['500', (_request, response) => response.writeHead(500).end('{"keys":[]}')],
  ['404', (_request, response) => response.writeHead(404).end()],
  ['no content', (_request, response) => response.writeHead(204).end()],
  ['HTML', html],
  ['an empty body', (_request, response) => response.end()],
  ['JSON null', (_request, response) => response.end('null')],
  ['a list', (_request, response) => response.end('[]')],
  ['keys that are no list', (_request, response) => response.end('{"keys":{}}')],
  ['a key without a type', (_request, response) => response.end('{"keys":[{"kid":"first"}]}')],
  ['invalid UTF-8', (_request, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d]))],
  [
    'a body over 256 kB',
    (_request, response) => response.end(`{"keys":[],"x":"${'x'.repeat(262_144)}"}`),
  ],
  ['a body without an end', (_request, response) => void endless(response)],
  [
    '30 MB in 30 kB of gzip',
    (_request, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(30_000_000, 0x20)));
    },
  ],
  [
    'half of its body',
    (_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{"keys":');
      setImmediate(() => response.destroy());
    },
  ],
  ['nothing', (request) => request.socket.destroy()],
];

function endless(response: Parameters<RequestListener>[1]): void {
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(16_384, 0x20)));
  };
  response.on('drain', more);
  more();
}

describe('a provider that answers with', () => {
  it.each(HOSTILE)('%s has no keys for us: nothing is decided', async (_name, answer) => {
    const { start, results, lookUp, healthy, usable } = await open(answer);
    await start();
    expect(results).toEqual(['error']);
    expect(await rejectionOf(lookUp('first'))).toMatchObject(UNAVAILABLE);
    expect([healthy(), usable()]).toEqual([false, false]);
  });

  it.each(HOSTILE)('%s leaves the keys of before at work', async (_name, answer) => {
    const jwks = await open();
    await jwks.start();
    jwks.server.answer = answer;
    await jwks.start();
    expect(jwks.results).toEqual(['ok', 'error']);
    expect(await jwks.lookUp('first')).toHaveProperty('key');
    expect(jwks.changes()).toBe(0);
    expect([jwks.healthy(), jwks.usable()]).toEqual([false, true]);
  });

  it('silence is given up after two seconds', async () => {
    const { start, lookUp } = await open(hang);
    const started = performance.now();
    await start();
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await rejectionOf(lookUp('first'))).toMatchObject(UNAVAILABLE);
  });

  it.each([301, 302, 303, 307, 308])('a redirect (%d) is not followed', async (status) => {
    const canary = await openJwksServer(keySet(first));
    const jwks = await open((_request, response) => {
      response.writeHead(status, { location: canary.url }).end();
    });
    await jwks.start();
    expect(jwks.results).toEqual(['error']);
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(UNAVAILABLE);
    expect(canary.requests()).toBe(0);
  });

  it('exactly 256 kB is still read', async () => {
    const text = JSON.stringify({ keys: [first] });
    const jwks = await open((_request, response) => response.end(text.padEnd(262_144)));
    await jwks.start();
    expect(await jwks.lookUp('first')).toHaveProperty('key');
  });
});

describe('a key set', () => {
  it('with two keys of one id has no answer to which', async () => {
    const jwks = await open(keySet(first, { ...second, kid: 'first' }));
    await jwks.start();
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(AMBIGUOUS);
  });

  it('with two keys of one id is not fetched again for them, nor is its provider to blame', async () => {
    const jwks = await open(keySet(first, { ...second, kid: 'first' }));
    await jwks.start();
    await jwks.server.stop();
    jwks.pass(30_000);
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(AMBIGUOUS);
    expect(jwks.results).toEqual(['ok']);
  });

  it('has two keys of one id and of different types, which are told apart', async () => {
    const jwks = await open(keySet(first, newKeys('EdDSA', 'first').publicJwk));
    await jwks.start();
    expect(await jwks.lookUp('first')).toHaveProperty('key.asymmetricKeyType', 'ec');
    expect(await jwks.lookUp('first', 'EdDSA')).toHaveProperty('key.asymmetricKeyType', 'ed25519');
  });

  it.each([
    ['symmetric', { kty: 'oct', kid: 'first', k: btoa('x'.repeat(32)), alg: 'HS256' }, 'HS256'],
    ['for encryption', { ...first, use: 'enc' }, 'ES256'],
    ['private', newKeys('ES256', 'first').privateJwk, 'ES256'],
    ['for signing only', { ...first, key_ops: ['sign'] }, 'ES256'],
    ['for another algorithm', { ...first, alg: 'ES384' }, 'ES256'],
  ])('lends no key that is %s', async (_name, key, alg) => {
    const jwks = await open(keySet(key, second));
    await jwks.start();
    const made = { issuedAt: NOW - 2 };
    expect(await rejectionOf(jwks.lookUp('first', alg, made))).toBe(NO_KEY);
    expect(await jwks.lookUp('second')).toHaveProperty('key');
  });

  it('lends a key that does not say what it is for', async () => {
    const { use: _use, alg: _alg, ...bare } = first;
    const jwks = await open(keySet(bare));
    await jwks.start();
    expect(await jwks.lookUp('first')).toHaveProperty('key');
  });
});

describe('an unknown key id', () => {
  const RETRY = {
    name: 'ServiceError',
    code: 'key_unknown',
    extras: { retryAfter: 5, reason: { code: 'key_unknown' } },
  };
  const storm = async (jwks: Opened) => {
    const kids = Array.from({ length: 50 }, (_, i) => jwks.lookUp(`unknown ${i}`));
    const found = await Promise.all(kids.map(rejectionOf));
    const refused = found.filter((error) => error === NO_KEY).length;
    const later = found.filter(
      (error) => (error as { code: string }).code === 'key_unknown',
    ).length;
    return { requests: jwks.server.requests(), refused, later };
  };

  it('is asked for once in 5 s, however many there are', async () => {
    const jwks = await open();
    await jwks.start();
    expect(await storm(jwks)).toEqual({ requests: 1, refused: 0, later: 50 });
    jwks.pass(4_999);
    expect(await storm(jwks)).toEqual({ requests: 1, refused: 0, later: 50 });
    jwks.pass(1);
    expect(await storm(jwks)).toEqual({ requests: 2, refused: 1, later: 49 });
    expect(await storm(jwks)).toEqual({ requests: 2, refused: 0, later: 50 });
    expect([jwks.healthy(), jwks.usable()]).toEqual([true, true]);
  });

  it('is asked for once in 30 s after ten fetches in a row that found nothing', async () => {
    const jwks = await open();
    await jwks.start();
    for (let i = 0; i < 10; i++) {
      jwks.pass(5_000);
      expect(await rejectionOf(jwks.lookUp('x'))).toBe(NO_KEY);
    }
    jwks.pass(29_999);
    expect(await rejectionOf(jwks.lookUp('x'))).toMatchObject(RETRY);
    expect(jwks.server.requests()).toBe(11);
    jwks.server.answer = keySet(first, second);
    jwks.pass(1);
    expect(await jwks.lookUp('second')).toHaveProperty('key');
    jwks.pass(5_000);
    expect(await rejectionOf(jwks.lookUp('x'))).toBe(NO_KEY);
    expect(jwks.server.requests()).toBe(13);
  });

  it('that is none is asked for every 30 s after ten fetches that brought the same key, however it is spelt', async () => {
    const { kid: _kid, ...bare } = first;
    let fetches = 0;
    const jwks = await open((request, response) =>
      keySet({ ...bare, fetches: fetches++ })(request, response),
    );
    await jwks.start();
    const forged = () => jwks.lookUp(undefined, 'ES256', { isSignedBy: () => false });
    for (let i = 0; i < 10; i++) {
      jwks.pass(5_000);
      expect(await rejectionOf(forged())).toBe(NO_KEY);
    }
    jwks.pass(29_999);
    expect(await rejectionOf(forged())).toMatchObject(RETRY);
    expect(jwks.server.requests()).toBe(11);
    jwks.pass(1);
    expect(await rejectionOf(forged())).toBe(NO_KEY);
    expect(jwks.server.requests()).toBe(12);
  });

  it('is found at its first request when the last fetch is 5 s old', async () => {
    const jwks = await open();
    await jwks.start();
    jwks.server.answer = keySet(first, second);
    jwks.pass(5_000);
    expect(await jwks.lookUp('second')).toHaveProperty('key');
    expect(jwks.changes()).toBe(1);
  });

  it('is to be tried again within 5 s of a fetch, which is no failure of the provider', async () => {
    const jwks = await open();
    await jwks.start();
    jwks.server.answer = keySet(first, second);
    jwks.pass(4_999);
    expect(await rejectionOf(jwks.lookUp('second'))).toMatchObject(RETRY);
    expect([jwks.healthy(), jwks.results]).toEqual([true, ['ok']]);
    jwks.pass(1);
    expect(await jwks.lookUp('second')).toHaveProperty('key');
  });

  it('that is none at all is asked for like another', async () => {
    const { kid: _kid, ...bare } = first;
    const jwks = await open(keySet(bare));
    await jwks.start();
    jwks.pass(5_000);
    const finding = rejectionOf(jwks.lookUp(undefined, 'ES384'));
    expect(await finding).toBe(NO_KEY);
    expect(jwks.server.requests()).toBe(2);
  });

  it('is not asked for by a request while there are no keys at all', async () => {
    const jwks = await open(html);
    await jwks.start();
    jwks.pass(5_000);
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(UNAVAILABLE);
    expect(jwks.server.requests()).toBe(1);
  });

  it('that the provider has taken away is refused at once', async () => {
    const jwks = await open(keySet(first, second));
    await jwks.start();
    jwks.server.answer = keySet(second);
    await jwks.start();
    const wasVerified = { wasVerified: true };
    expect(await rejectionOf(jwks.lookUp('first', 'ES256', wasVerified))).toBe(NO_KEY);
    expect(await rejectionOf(jwks.lookUp('first', 'ES256', { issuedAt: NOW - 2 }))).toBe(NO_KEY);
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(RETRY);
    expect(jwks.server.requests()).toBe(2);
  });

  it('waits for a fetch that is under way', async () => {
    const jwks = await open();
    await jwks.start();
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    jwks.server.answer = async (request, response) => {
      asked.resolve();
      await release.promise;
      keySet(second)(request, response);
    };
    const fetching = jwks.start();
    await asked.promise;
    const finding = jwks.lookUp('second');
    release.resolve();
    expect(await finding).toHaveProperty('key');
    await fetching;
    expect(jwks.server.requests()).toBe(2);
  });

  it('is to be tried again where the fetch takes longer than 2.5 s', async () => {
    const jwks = await open();
    await jwks.start();
    const asked = Promise.withResolvers<void>();
    jwks.server.answer = () => asked.resolve();
    jwks.pass(5_000);
    const time = jumpingTime();
    const finding = rejectionOf(jwks.lookUp('second'));
    await asked.promise;
    const waiting = rejectionOf(jwks.lookUp('second'));
    await nextIteration();
    time.advance(2_500);
    expect(await finding).toMatchObject(RETRY);
    expect(await waiting).toMatchObject(RETRY);
  });

  it('is neither trusted nor refused while the provider is out of reach', async () => {
    const jwks = await open();
    await jwks.start();
    jwks.server.answer = html;
    jwks.pass(5_000);
    expect(await rejectionOf(jwks.lookUp('second'))).toMatchObject(RETRY);
    expect(await rejectionOf(jwks.lookUp('second'))).toMatchObject(RETRY);
    expect(jwks.server.requests()).toBe(2);
    expect(await jwks.lookUp('first')).toHaveProperty('key');
  });
});

describe('keys are kept', () => {
  it('by the time since they were read, whatever the clock says', async () => {
    const jwks = await open();
    jwks.pass(10_000_000);
    await jwks.start();
    jwks.server.answer = html;
    jwks.pass(3_599_999);
    expect(await jwks.lookUp('first')).toHaveProperty('key');
  });

  it('for an hour after they were read, and no longer', async () => {
    const jwks = await open();
    await jwks.start();
    await jwks.server.stop();
    jwks.pass(3_599_999);
    expect(await jwks.lookUp('first')).toHaveProperty('key');
    expect(jwks.usable()).toBe(true);
    jwks.pass(1);
    expect(await rejectionOf(jwks.lookUp('first'))).toMatchObject(UNAVAILABLE);
    expect([jwks.healthy(), jwks.usable()]).toEqual([false, false]);
  });

  it('report a change when they are too old to verify with', async () => {
    const time = jumpingTime();
    const jwks = await open();
    await jwks.start();
    await jwks.server.stop();
    time.advance(3_599_999);
    expect(jwks.changes()).toBe(0);
    time.advance(1);
    expect(jwks.changes()).toBe(1);
  });

  it('report no change while they are read anew', async () => {
    const time = jumpingTime();
    const jwks = await open();
    await jwks.start();
    time.advance(10_000);
    await jwks.start();
    time.advance(3_595_000);
    expect(jwks.changes()).toBe(0);
    time.advance(5_000);
    expect(jwks.changes()).toBe(1);
  });

  it('without a change being reported when they are the same', async () => {
    const jwks = await open();
    await jwks.start();
    await jwks.start();
    expect(jwks.changes()).toBe(0);
    jwks.server.answer = keySet(second);
    await jwks.start();
    expect(jwks.changes()).toBe(1);
    expect(await rejectionOf(jwks.lookUp('first', 'ES256', { issuedAt: NOW - 2 }))).toBe(NO_KEY);
  });
});

describe('in the background', () => {
  it('the first question waits for the first answer', async () => {
    const jwks = await open();
    const starting = jwks.start();
    expect(await jwks.lookUp('first')).toHaveProperty('key');
    await starting;
    expect(jwks.server.requests()).toBe(1);
  });

  it.each([
    [500, 58_500],
    [5_000, 45_000],
    [10_000, 30_000],
  ])('with a time-out of %i ms keys are read again after %i ms', async (timeoutMs, every) => {
    const time = jumpingTime();
    const asked = countFetches();
    const jwks = await open(keySet(first), timeoutMs);
    await jwks.start();
    time.advance(every - 1);
    expect(asked()).toBe(1);
    time.advance(1);
    await settled();
    expect(asked()).toBe(2);
  });

  it('keys are read again every 54 s, or after 30 s when that failed', async () => {
    const time = jumpingTime();
    const asked = countFetches();
    const jwks = await open();
    await jwks.start();
    time.advance(53_999);
    expect(asked()).toBe(1);
    jwks.server.answer = html;
    time.advance(1);
    await settled();
    expect(asked()).toBe(2);
    expect(await jwks.fetched()).toBe('error');
    expect([jwks.healthy(), jwks.usable()]).toEqual([false, true]);
    await settled();
    time.advance(29_999);
    expect(asked()).toBe(2);
    jwks.server.answer = keySet(second);
    time.advance(1);
    await settled();
    expect(asked()).toBe(3);
    expect(await jwks.fetched()).toBe('ok');
    expect(await jwks.lookUp('second')).toHaveProperty('key');
    expect(jwks.healthy()).toBe(true);
  });

  it('a provider that was down at the start is tried every two seconds', async () => {
    const time = jumpingTime();
    const asked = countFetches();
    const jwks = await open(html);
    await jwks.start();
    expect([jwks.healthy(), jwks.usable()]).toEqual([false, false]);
    jwks.server.answer = keySet(first);
    time.advance(1_999);
    expect(asked()).toBe(1);
    time.advance(1);
    await settled();
    expect(asked()).toBe(2);
    expect(await jwks.fetched()).toBe('ok');
    expect(await jwks.lookUp('first')).toHaveProperty('key');
  });

  it('a fetch that is asked for starts the wait anew', async () => {
    const time = jumpingTime();
    const asked = countFetches();
    const jwks = await open();
    await jwks.start();
    time.advance(40_000);
    await jwks.start();
    await settled();
    time.advance(53_999);
    await settled();
    expect(asked()).toBe(2);
  });

  it('a fetch that hangs keeps no known key waiting', async () => {
    const jwks = await open();
    await jwks.start();
    jwks.server.answer = hang;
    const fetching = jwks.start();
    expect(await jwks.lookUp('first')).toHaveProperty('key');
    expect(jwks.results).toEqual(['ok']);
    jwks.server.stop();
    await fetching;
  });

  it('nothing happens after it is closed, not even after a fetch under way', async () => {
    const time = jumpingTime();
    const asked = countFetches();
    const [idle, busy] = [await open(), await open()];
    await idle.start();
    await busy.start();
    idle.close();
    const fetching = busy.start();
    busy.close();
    await fetching;
    await settled();
    time.advance(10_000_000);
    await settled();
    expect(asked()).toBe(3);
    expect(idle.changes()).toBe(0);
  });

  /** How many fetches began: a server hears of them later. */
  function countFetches(): () => number {
    const spy = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => spy.mockRestore());
    return () => spy.mock.calls.length;
  }

  /** The next timer is set in the microtasks after a fetch. */
  async function settled(): Promise<void> {
    const turn = Promise.withResolvers<void>();
    setImmediate(turn.resolve);
    await turn.promise;
  }
});
