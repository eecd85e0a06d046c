import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import supertest from 'supertest';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createRecentDecisions, type Decision, matches } from '../../src/admin/decisions.ts';
import { adminKey } from '../../src/config/admin-keys.ts';
import type { AuditEvent } from '../../src/http/audit.ts';
import { adminOptions, openInternal } from '../support/admin.ts';
import { NOW } from '../support/clock.ts';

const KEY = randomBytes(32).toString('base64url');
const AUTHORIZATION = { authorization: `Bearer ${KEY}` };

function event(more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    event: 'video_token',
    requestId: 'request-1',
    outcome: 'issued',
    code: 'issued',
    userId: 'alice',
    roomId: 'room',
    videoId: 'film',
    ip: '192.0.2.1',
    durationMs: 1.5,
    ...more,
  };
}

async function open(keys = [adminKey('support', KEY, 'read')]) {
  const options = adminOptions(() => keys);
  return { ...(await openInternal(options)), decisions: options.decisions, keys };
}

/** Reads the events of a connection, after its first comment has come. */
async function watch(port: number, query = '', headers: Record<string, string> = {}) {
  const request = get({
    ...{ port, host: '127.0.0.1', path: `/decisions/events${query}`, agent: false },
    headers: { ...AUTHORIZATION, ...headers },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  onTestFinished(() => void request.destroy());
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  expect(await next()).toBe(': the decisions of this replica');
  expect(await next()).toBe('');
  return { response, next };
}

describe('the list', () => {
  it('has the last decisions of this replica, newest first, in pages', async () => {
    const { origin, decisions } = await open();
    for (let i = 1; i <= 501; i++) decisions.add(event({ requestId: `request-${i}` }));
    const seen: Decision[] = [];
    let next: string | null = '';
    while (next !== null) {
      const answer: supertest.Response = await supertest(origin)
        .get('/decisions')
        .query({ limit: 99, ...(next && { after: next }) })
        .set(AUTHORIZATION)
        .expect(200);
      seen.push(...answer.body.decisions);
      next = answer.body.next;
    }
    expect(seen.map(({ position }) => position)).toEqual(
      Array.from({ length: 500 }, (_, index) => 501 - index),
    );
    expect(seen[0]).toEqual({
      ...event({ requestId: 'request-501' }),
      position: 501,
      time: new Date(NOW * 1000).toISOString(),
      replica: 'replica-1',
    });
  });

  it.each<[string, number[]]>([
    ['', [4, 3, 2, 1]],
    ['requestId=request-3', [3]],
    ['userId=bob', [2]],
    ['roomId=other', [3]],
    ['videoId=film', [4, 3, 2, 1]],
    ['outcome=denied', [3, 2]],
    ['outcome=denied&userId=bob', [2]],
    ['code=room_not_allowed', [3]],
    ['code=aborted', [4]],
    ['event=video_token', [4, 3, 2, 1]],
    ['userId=BOB', []],
    ['limit=1&outcome=denied&after=3', [2]],
  ])('has those that are asked for: %s', async (query, positions) => {
    const { origin, decisions } = await open();
    decisions.add(event());
    decisions.add(event({ userId: 'bob', outcome: 'denied', code: 'user_not_allowed' }));
    decisions.add(
      event({
        ...{ requestId: 'request-3', roomId: 'other' },
        ...{ outcome: 'denied', code: 'room_not_allowed' },
      }),
    );
    decisions.add(event({ outcome: 'failed', code: 'aborted' }));
    const { body } = await supertest(origin).get(`/decisions?${query}`).set(AUTHORIZATION);
    expect(body.decisions.map(({ position }: Decision) => position)).toEqual(positions);
  });

  it.each([
    'userid=alice',
    'code=nothing',
    'outcome=allowed',
    'limit=0',
    'limit=1001',
    'after=x',
    'requestId=a b',
    'event=other',
  ])('refuses what it does not understand: %s', async (query) => {
    const { origin } = await open();
    for (const path of ['/decisions', '/decisions/events']) {
      await supertest(origin).get(`${path}?${query}`).set(AUTHORIZATION).expect(400);
    }
  });

  it('knows where a user was last', () => {
    const decisions = createRecentDecisions('replica-1', () => 0);
    decisions.add(event({ country: 'SG' }));
    decisions.add(event({ userId: 'bob', country: 'MY' }));
    decisions.add(event({ country: undefined }));
    expect(['alice', 'bob', 'carol'].map(decisions.countryOf)).toEqual(['SG', 'MY', undefined]);
  });

  it('finds by a filter what filtering by hand finds', () => {
    const value = fc.constantFrom('a', 'b', undefined);
    const filter = fc.record({ userId: value, roomId: value, videoId: value });
    fc.assert(
      fc.property(fc.array(filter), filter, (all, wanted) => {
        const decisions = createRecentDecisions('r', () => 0);
        for (const ids of all) decisions.add({ ...event(), ...ids } as AuditEvent);
        const isWanted = (ids: typeof wanted) =>
          (wanted.userId ?? ids.userId) === ids.userId &&
          (wanted.roomId ?? ids.roomId) === ids.roomId &&
          (wanted.videoId ?? ids.videoId) === ids.videoId;
        expect(decisions.list(wanted, 1_000)).toHaveLength(all.filter(isWanted).length);
      }),
    );
    expect(matches({} as Decision, { userId: undefined })).toBe(true);
  });
});

describe('the events', () => {
  afterEach(() => vi.useRealTimers());

  it('come as decisions are made, those that are asked for', async () => {
    const { port, decisions } = await open();
    const { next, response } = await watch(port, '?userId=alice');
    expect(response.headers['content-type']).toBe('text/event-stream');
    decisions.add(event({ userId: 'bob' }));
    decisions.add(event({ reason: 'two\nlines' }));
    expect(await next()).toBe('id: 2');
    expect(await next()).toBe('event: decision');
    const data = (await next()) as string;
    expect(JSON.parse(data.slice('data: '.length))).toMatchObject({
      ...{ position: 2, userId: 'alice', reason: 'two\nlines', replica: 'replica-1' },
    });
    expect(await next()).toBe('');
  });

  it.each([
    ['1', 'id: 2'],
    ['99', 'id: 1'],
  ])('go on where a reader left: after %s comes %s', async (id, first) => {
    const { port, decisions } = await open();
    decisions.add(event());
    decisions.add(event());
    const { next } = await watch(port, '', { 'last-event-id': id });
    expect(await next()).toBe(first);
  });

  it('end when the replica drains, and then there are no more', async () => {
    const { port, decisions } = await open();
    const { next } = await watch(port);
    decisions.end();
    expect(await next()).toBeUndefined();
    const late = await watch(port);
    expect(await late.next()).toBeUndefined();
  });

  it('end with their key', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { port, keys } = await open();
    const { next } = await watch(port);
    vi.advanceTimersByTime(15_000);
    expect(await next()).toBe(':');
    expect(await next()).toBe('');
    keys.pop();
    vi.advanceTimersByTime(15_000);
    expect(await next()).toBeUndefined();
  });

  it('go to 32 readers at most, and to another when one leaves', async () => {
    const { origin, port } = await open();
    const readers = await Promise.all(Array.from({ length: 32 }, () => watch(port)));
    const refused = () => supertest(origin).get('/decisions/events').set(AUTHORIZATION);
    expect((await refused()).body).toMatchObject({ code: 'rate_limited' });
    readers[0]?.response.destroy();
    const isTaken = () =>
      watch(port).then(
        () => true,
        () => false,
      );
    await expect.poll(isTaken).toBe(true);
  });

  it('wait for a reader that does not read within bounds', async () => {
    const { port, decisions } = await open();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(
      `GET /decisions/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\n\r\n`,
    );
    await once(socket, 'readable');
    // As much as sockets of loopback hold, many times over.
    const long = 'x'.repeat(16_000);
    for (let i = 0; i < 2_000; i++) {
      decisions.add(event({ reason: long }));
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    // Cut off: the answer has no last chunk.
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    expect(Buffer.concat(chunks).length).toBeLessThan(16 * 1024 * 1024);
    expect(Buffer.concat(chunks).toString('latin1').endsWith('0\r\n\r\n')).toBe(false);
  });
});
