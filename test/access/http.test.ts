import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AccessService } from '../../src/access/access.ts';
import { type BackendOptions, createBackendAccess, readAnswer } from '../../src/access/backend.ts';
import { NOW } from '../support/clock.ts';
import { withTypos } from '../support/typos.ts';

const SECRET = 'backend-secret-0123456789-0123456789';
const UNAVAILABLE = { code: 'dependency_unavailable' };
const QUESTION = {
  userId: 'alice',
  roomId: 'room',
  videoId: 'film',
  country: 'SG',
  requestId: 'request-1',
  videoAccess: [{ room: 'room', videos: ['*'] }],
};

const ROOM = { ...QUESTION, kind: 'room', publish: false } as const;

let server: Server;
let canary: Server;
let respond: RequestListener;
let canaryRequests = 0;
const listen = async (listener: RequestListener) => {
  const started = createServer(listener).listen(0, '127.0.0.1');
  await once(started, 'listening');
  return started;
};
const urlOf = (of: Server) => `http://127.0.0.1:${(of.address() as AddressInfo).port}/access`;

beforeAll(async () => {
  server = await listen((request, response) => respond(request, response));
  canary = await listen((_request, response) => {
    canaryRequests++;
    response.end('{"allow":true}');
  });
});

afterAll(() => {
  for (const started of [server, canary]) {
    started.closeAllConnections();
    started.close();
  }
});

function open(options: Partial<BackendOptions> = {}): AccessService {
  const url = urlOf(server);
  const access = createBackendAccess({ url, secret: SECRET, timeoutMs: 1_000, ...options });
  onTestFinished(access.close);
  return access;
}

function answering(status: number, body: string | Buffer, headers: Record<string, string> = {}) {
  respond = (_request, response) => response.writeHead(status, headers).end(body);
}

describe('the question to the backend', () => {
  it('has the ids, the country, the request id and the secret, and nothing else', async () => {
    const asked = Promise.withResolvers<{ headers: unknown; method: unknown; body: unknown }>();
    respond = async (request, response) => {
      const chunks = await request.toArray();
      const { headers, method } = request;
      asked.resolve({ headers, method, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.end('{"allow":true}');
    };
    expect(await open().check(QUESTION, NOW)).toEqual({ allow: true });
    const { videoAccess: _claims, ...ids } = QUESTION;
    expect(await asked.promise).toMatchObject({
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      body: ids,
    });
  });

  it('says null for a country that is not known', async () => {
    const body = Promise.withResolvers<string>();
    respond = async (request, response) => {
      body.resolve(Buffer.concat(await request.toArray()).toString());
      response.end('{"allow":true}');
    };
    await open().check({ ...QUESTION, country: undefined }, NOW);
    expect(JSON.parse(await body.promise)).toMatchObject({ country: null });
  });
});

describe('the decision of the backend', () => {
  it.each([
    [{ allow: true }],
    [{ allow: true, notAfter: NOW + 600 }],
    [{ allow: false, code: 'user_not_allowed' }],
    [{ allow: false, code: 'video_not_started', availableFrom: NOW + 60 }],
  ])('%j is taken as it is', async (decision) => {
    answering(200, JSON.stringify(decision));
    expect(await open().check(QUESTION, NOW)).toEqual(decision);
  });

  const unknownIn = (received: string) => ({
    code: 'dependency_unavailable',
    extras: { reason: { code: 'backend_reply', expected: 'allow, notAfter', received } },
  });

  it.each([
    ['notafter', NOW + 600, 'unknown field "notafter"; did you mean notAfter?'],
    ['code', 'video_ended', 'unknown field "code"'],
    ['availableFrom', NOW, 'unknown field "availableFrom"'],
    ['__proto__', {}, 'unknown field "__proto__"'],
    ['', 1, 'unknown field ""'],
    ['a\u001b[2J\u202e', 1, 'unknown field "a[2J"'],
  ])('that allows with the unknown field %j is no decision', async (field, value, received) => {
    answering(200, `{"allow":true,${JSON.stringify(field)}:${JSON.stringify(value)}}`);
    const access = open();
    await expect(access.check(QUESTION, NOW)).rejects.toMatchObject(unknownIn(received));
    expect(access.healthy()).toBe(false);
    answering(200, '{"allow":true}');
    expect(await access.check(QUESTION, NOW)).toEqual({ allow: true });
  });

  it('that allows with unknown fields does not keep others from an answer', async () => {
    const access = open();
    for (let i = 0; i < 20; i++) {
      answering(200, '{"allow":true,"until":1}');
      await expect(access.check(QUESTION, NOW)).rejects.toMatchObject(UNAVAILABLE);
      answering(200, '{"allow":false,"code":"video_ended"}');
      expect(await access.check(QUESTION, NOW)).toEqual({ allow: false, code: 'video_ended' });
    }
  });

  it('that denies with an unknown field is one, with a warning', async () => {
    const warnings: string[] = [];
    const onUnknownField = (fields: string) => void warnings.push(fields);
    const access = open({ onUnknownField });
    answering(200, '{"allow":false,"code":"video_ended","availablefrom":1,"notAfter":2}');
    expect(await access.check(QUESTION, NOW)).toEqual({ allow: false, code: 'video_ended' });
    expect(warnings).toEqual([
      'unknown field "availablefrom" and 1 more; did you mean availableFrom?',
    ]);
  });

  it('may have fields that are named as ignored', async () => {
    const access = open({ ignoredFields: ['comment', 'trace'] });
    answering(200, '{"allow":true,"notAfter":1800000000,"comment":"x","trace":{}}');
    expect(await access.check(QUESTION, NOW)).toEqual({ allow: true, notAfter: 1_800_000_000 });
    answering(200, '{"allow":true,"comment":"x","traces":1}');
    await expect(access.check(QUESTION, NOW)).rejects.toMatchObject(
      unknownIn('unknown field "traces"'),
    );
  });

  it('is never wider or longer by a typing mistake in any field', () => {
    const answers = [
      { allow: true, notAfter: NOW + 600 },
      { allow: false, code: 'video_not_started', availableFrom: NOW + 60 },
    ];
    const mistakes = answers.flatMap(withTypos);
    expect(mistakes.length).toBeGreaterThan(3_000);
    for (const mistake of mistakes) {
      try {
        const decision = readAnswer(JSON.parse(JSON.stringify(mistake)), {});
        expect(decision).toEqual({ allow: false, code: 'video_not_started' });
      } catch (error) {
        expect(['ServiceError', 'ZodError']).toContain((error as Error).name);
      }
    }
  });

  it.each([
    ['an error', 500, '{"allow":true}'],
    ['another success', 201, '{"allow":true}'],
    ['no content', 204, ''],
    ['an empty body', 200, ''],
    ['HTML', 200, '<html>'],
    ['a list', 200, '[]'],
    ['null', 200, 'null'],
    ['a text for allow', 200, '{"allow":"true"}'],
    ['a number for allow', 200, '{"allow":1}'],
    ['no allow', 200, '{"notAfter":1800000000}'],
    ['a denial without a code', 200, '{"allow":false}'],
    ['a denial with an unknown code', 200, '{"allow":false,"code":"credential_invalid"}'],
    ['an end that is a text', 200, '{"allow":true,"notAfter":"1800000000"}'],
    ['an end that is a fraction', 200, '{"allow":true,"notAfter":1800000000.5}'],
    ['an end that is endless', 200, '{"allow":true,"notAfter":1e400}'],
    ['bytes that are not UTF-8', 200, Buffer.from([0x7b, 0xff, 0x7d])],
    ['more than 16 kB', 200, JSON.stringify({ allow: true, padding: 'x'.repeat(17_000) })],
  ])('that is %s is no decision', async (_name, status, body) => {
    answering(status, body);
    await expect(open().check(QUESTION, NOW)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('that is a redirect is no decision, and is not followed', async () => {
    for (const status of [301, 302, 307, 308]) {
      answering(status, '', { location: urlOf(canary) });
      await expect(open().check(QUESTION, NOW)).rejects.toMatchObject(UNAVAILABLE);
    }
    expect(canaryRequests).toBe(0);
  });
});

describe('a backend in trouble', () => {
  const elapsed = async (work: Promise<unknown>) => {
    const started = performance.now();
    await expect(work).rejects.toMatchObject(UNAVAILABLE);
    return performance.now() - started;
  };

  it('that says nothing is given up at the time-out', async () => {
    respond = () => {};
    const ms = await elapsed(open({ timeoutMs: 200 }).check(QUESTION, NOW));
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(1_000);
  });

  it('that drips its answer is given up at the time-out', async () => {
    respond = (_request, response) => {
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    };
    expect(await elapsed(open({ timeoutMs: 200 }).check(QUESTION, NOW))).toBeLessThan(1_000);
  });

  it('that hangs up is no decision', async () => {
    respond = (request) => request.socket.destroy();
    await elapsed(open().check(QUESTION, NOW));
  });

  it('that refuses the questions of one client still answers those of others', async () => {
    respond = async (request, response) => {
      const { roomId } = JSON.parse(Buffer.concat(await request.toArray()).toString());
      if (roomId === 'nowhere') response.writeHead(404).end();
      else response.end('{"allow":true}');
    };
    const access = open();
    for (let i = 0; i < 20; i++)
      await elapsed(access.check({ ...QUESTION, roomId: 'nowhere' }, NOW));
    expect(await access.check(QUESTION, NOW)).toEqual({ allow: true });
  });

  it('that refuses a question is not healthy until it answers one', async () => {
    answering(404, '');
    const access = open();
    await elapsed(access.check(QUESTION, NOW));
    expect(access.healthy()).toBe(false);
    answering(200, '{"allow":true}');
    await access.check(QUESTION, NOW);
    expect(access.healthy()).toBe(true);
  });

  it.each([
    [401, false],
    [405, false],
    [404, true],
  ])('that answers the first question with %d is healthy: %s', async (status, isUp) => {
    answering(status, '');
    const access = open();
    await expect(access.probe?.()).rejects.toMatchObject(UNAVAILABLE);
    expect(access.healthy()).toBe(isUp);
  });

  it('is not asked while the breaker is open, and the answer comes at once', async () => {
    let asked = 0;
    respond = (_request, response) => {
      asked++;
      response.writeHead(500).end();
    };
    const access = open();
    for (let i = 0; i < 6; i++) await elapsed(access.check(QUESTION, NOW));
    const before = asked;
    const times = [];
    for (let i = 0; i < 20; i++) times.push(await elapsed(access.check(QUESTION, NOW)));
    expect(asked).toBe(before);
    expect(Math.max(...times)).toBeLessThan(50);
    expect(access.healthy()).toBe(false);
    await expect(access.checkEntry(ROOM, NOW)).rejects.toMatchObject(UNAVAILABLE);
    const probed = Promise.withResolvers<unknown>();
    respond = async (request, response) => {
      const { kind } = JSON.parse(Buffer.concat(await request.toArray()).toString());
      if (kind === 'room') probed.resolve(once(response, 'close'));
      response.end('{"allow":true}');
    };
    const answer = () => access.check(QUESTION, NOW).catch(() => null);
    await expect.poll(answer, { timeout: 7_000 }).toEqual({ allow: true });
    expect(access.healthy()).toBe(true);
    // It has a breaker of its own, and its probe gets no answer about rooms.
    await probed.promise;
    for (let i = 0; i < 5; i++) await answer();
    expect(access.entryHealthy?.('room')).toBe(false);
  });
});

describe('a backend that does not know a kind of token', () => {
  const BASIC = { ...QUESTION, kind: 'basic' } as const;
  const answers: [status: number, body: string][] = [
    [200, '{"allow":true}'],
    [200, '{"allow":false,"code":"video_not_allowed"}'],
    [400, ''],
    [405, ''],
    [500, ''],
  ];

  it.each(answers)('and answers it by %d %s still answers for videos', async (status, body) => {
    respond = async (request, response) => {
      const { kind } = JSON.parse(Buffer.concat(await request.toArray()).toString());
      if (kind === 'room') response.writeHead(status).end(body);
      else response.end(JSON.stringify({ allow: true, ...(kind && { kind }) }));
    };
    const access = open();
    for (let i = 0; i < 10; i++) {
      await expect(access.checkEntry(ROOM, NOW)).rejects.toMatchObject(UNAVAILABLE);
      expect(await access.check(QUESTION, NOW)).toEqual({ allow: true });
      expect(await access.checkEntry(BASIC, NOW)).toEqual({ allow: true });
    }
    expect(access.healthy()).toBe(true);
    expect(access.entryHealthy?.('room')).toBe(false);
    expect(access.entryHealthy?.('basic')).toBe(true);
  });

  it('and fails for it is not asked about that kind for 5 s, and about the others', async () => {
    let asked = 0;
    respond = (_request, response) => {
      asked++;
      response.writeHead(500).end();
    };
    const access = open();
    for (let i = 0; i < 10; i++) await access.checkEntry(BASIC, NOW).catch(() => {});
    expect(asked).toBe(5);
    await access.check(QUESTION, NOW).catch(() => {});
    expect(asked).toBe(6);
  });
});
