import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../../src/directory/postgres/open.ts';
import { decodePayload } from '../../src/token/payload.ts';
import { decode } from '../../src/token04/index.ts';
import { APP_ID, type AppOptions, openApp, SERVER_SECRET, useApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { NOW } from '../support/clock.ts';
import { load } from '../support/directory.ts';
import { signJwt } from '../support/jwt.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';

const BOTH = { room: true, basic: 'on' } as const;
const byClaims = useApp({ entry: BOTH, access: { mode: 'claims' } });

/** Rooms that tell the rules apart. */
const ROOMS = [
  { type: 'user', id: 'alice' },
  { type: 'user', id: 'bob' },
  { type: 'user', id: 'sam', status: 'suspended' },
  { type: 'room', id: 'all', memberIds: ['alice', 'sam'] },
  {
    ...{ type: 'room', id: 'hosts', publish: 'hosts' },
    ...{ memberIds: ['alice', 'bob', 'sam'], hostIds: ['bob'] },
  },
  { type: 'room', id: 'nobody', publish: 'nobody', memberIds: ['alice'], hostIds: ['alice'] },
  { type: 'room', id: 'shut', status: 'closed', memberIds: ['alice'] },
];

const rooms = useApp({ entry: BOTH, more: ROOMS });

/** User, room, whether streams are to be sent, and the code; undefined for a token. */
const DECISIONS: [string, string, boolean, string | undefined][] = [
  ['alice', 'all', false, undefined],
  ['alice', 'all', true, undefined],
  ['alice', 'hosts', false, undefined],
  ['alice', 'hosts', true, 'publish_not_allowed'],
  ['bob', 'hosts', true, undefined],
  ['alice', 'nobody', false, undefined],
  ['alice', 'nobody', true, 'publish_not_allowed'],
  ['bob', 'all', false, 'room_not_allowed'],
  ['bob', 'all', true, 'room_not_allowed'],
  ['alice', 'shut', false, 'room_not_allowed'],
  ['alice', 'no room', false, 'room_not_allowed'],
  ['sam', 'all', false, 'user_not_allowed'],
  ['sam', 'hosts', true, 'user_not_allowed'],
  ['nobody', 'all', false, 'user_not_allowed'],
];

const askFor = async (
  app: { origin: string },
  kind: 'room' | 'basic',
  body: object,
  claims: Parameters<typeof signJwt>[0] = {},
) => ask(app, { path: `/${kind}-token`, body, credential: await signJwt(claims) });

const payloadOf = ({ body }: { body: { token: string } }) =>
  decode(body.token, { secrets: [SERVER_SECRET] }).claims;

describe('a room token', () => {
  it.each<[object, string]>([
    [{ roomId: 'all' }, '{"room_id":"all","privilege":{"1":1,"2":0},"stream_id_list":null}'],
    [
      { roomId: 'all', publish: false },
      '{"room_id":"all","privilege":{"1":1,"2":0},"stream_id_list":null}',
    ],
    [
      { roomId: 'all', publish: true },
      '{"room_id":"all","privilege":{"1":1,"2":1},"stream_id_list":null}',
    ],
    [
      { roomId: 'all', publish: true, streamIds: ['s1', '流'], userId: 'alice' },
      '{"room_id":"all","privilege":{"1":1,"2":1},"stream_id_list":["s1","流"]}',
    ],
  ])('for %j has the payload %s', async (body, payload) => {
    const app = rooms();
    const answer = await askFor(app, 'room', body);
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    const claims = payloadOf(answer);
    expect(claims).toMatchObject({ appId: APP_ID, userId: 'alice', payload, createdAt: NOW });
    expect(decodePayload(payload)).toMatchObject({ kind: 'room', mistakes: [] });
    expect(answer.body).toEqual({
      token: answer.body.token,
      ...{ expireAt: claims.expireAt, userId: 'alice', appId: APP_ID },
    });
  });

  it.each<[object, string]>([
    [{}, '/roomId'],
    [{ roomId: '' }, '/roomId'],
    [{ roomId: 'räum' }, '/roomId'],
    [{ roomId: 'all', streamIds: [] }, '/streamIds'],
    [{ roomId: 'all', streamIds: ['s'] }, '/streamIds'],
    [{ roomId: 'all', publish: false, streamIds: ['s'] }, '/streamIds'],
    [{ roomId: 'all', publish: true, streamIds: [] }, '/streamIds'],
    [{ roomId: 'all', publish: true, streamIds: null }, '/streamIds'],
    [{ roomId: 'all', publish: true, streamIds: [''] }, '/streamIds/0'],
    [{ roomId: 'all', publish: true, streamIds: 's' }, '/streamIds'],
    [{ roomId: 'all', publish: 'true' }, '/publish'],
    [{ roomId: 'all', publish: 1 }, '/publish'],
    [{ roomID: 'all', roomId: 'all' }, '/roomID'],
    [{ roomId: 'all', stream_ids: ['s'] }, '/stream_ids'],
    [{ roomId: 'all', videoId: 'film' }, ''],
    [{ roomId: 'all', privilege: { 1: 1 } }, ''],
    [{ roomId: 'all', expireAt: 1 }, ''],
  ])('is refused for the body %j', async (body, path) => {
    const answer = await askFor(rooms(), 'room', body);
    expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(answer.body.errors[0].path).toBe(path);
  });

  it('of another user is refused', async () => {
    const app = rooms();
    const answer = await askFor(app, 'room', { roomId: 'all', userId: 'bob' });
    expectProblem(answer, 403, 'subject_mismatch', 'fix_request');
  });

  it('ends with the credential, and a licence has no say', async () => {
    const app = rooms();
    const answer = await askFor(app, 'room', { roomId: 'all' }, { exp: NOW + 700 });
    expect(answer.body.expireAt).toBe(NOW + 700);
  });

  it('tells who may not publish what to do', async () => {
    const app = rooms();
    const answer = await askFor(app, 'room', { roomId: 'nobody', publish: true });
    expectProblem(answer, 403, 'publish_not_allowed', 'enter_as_audience');
  });

  it('has its line in the audit log', async () => {
    const app = await openApp({ entry: BOTH, more: ROOMS });
    await askFor(app, 'room', { roomId: 'all', publish: true });
    await askFor(app, 'basic', {});
    expect(app.decisions).toMatchObject([
      { event: 'room_token', outcome: 'issued', roomId: 'all', publish: true, userId: 'alice' },
      { event: 'basic_token', outcome: 'issued', userId: 'alice' },
    ]);
    expect(JSON.stringify(app.decisions)).not.toContain('04AAAA');
  });
});

const CREDENTIAL = { issuer: undefined, expiresAt: NOW + 3600, videoAccess: undefined };

describe('a basic token', () => {
  it('has an empty payload', async () => {
    const app = await openApp({ entry: BOTH });
    const answer = await askFor(app, 'basic', {});
    expect(payloadOf(answer)).toMatchObject({ userId: 'alice', payload: '' });
    expect(answer.body).toMatchObject({ userId: 'alice', appId: APP_ID });
  });

  it.each<[object, string]>([
    [{ roomId: 'all' }, ''],
    [{ userID: 'bob' }, '/userID'],
    [{ userId: 7 }, '/userId'],
  ])('is refused for the body %j', async (body, path) => {
    const answer = await askFor(await openApp({ entry: BOTH }), 'basic', body);
    expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(answer.body.errors[0].path).toBe(path);
  });

  it.each<[string, boolean]>([
    ['a'.repeat(32), true],
    ['a'.repeat(33), false],
    ["o'brien", false],
    ['a*b', false],
    ['a,b', false],
    ['a\\b', false],
    ['a`b', false],
    ['User_123-x.y~z', true],
    ['a!#$%&()+-;<=.>@^_~', true],
    // With ZEGO_ID_RULE=off, such ids come as far as here.
    ['a|b', false],
    ['a\u202eb', false],
    ['用户', false],
  ])("with BASIC_TOKENS=zim keeps ZIM's rule: %s", async (id, isTaken) => {
    const more = [{ type: 'user', id }];
    const videoToken = { verify: async () => ({ ...CREDENTIAL, userId: id, subject: id }) };
    const zim = await openApp({ entry: { basic: 'zim' }, more, videoToken });
    const answer = await askFor(zim, 'basic', {}, { sub: id });
    expect(answer.status).toBe(isTaken ? 200 : 403);
    if (!isTaken) {
      expect(answer.body.detail).toContain('ZIM accepts user ids of at most 32 bytes');
      expect(answer.body.detail).not.toContain(id);
    }
    const other = await openApp({ entry: { basic: 'on' }, more, videoToken });
    expect((await askFor(other, 'basic', {}, { sub: id })).status).toBe(200);
  });
});

describe('a refusal of what a client chose', () => {
  it.each<[string, 'room' | 'basic', object, string]>([
    ['a long name', 'basic', { ['x'.repeat(9_000)]: 1 }, `"${'x'.repeat(40)}"`],
    ['names that steer a terminal', 'room', { roomId: 'all', '\u001b[2J\u202ea': 1 }, '"[2Ja"'],
    [
      'many names',
      'basic',
      Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`field${n}`, n])),
      '"field0" and 899 more',
    ],
  ])('bounds and cleans %s', async (_name, kind, body, shown) => {
    const answer = await askFor(rooms(), kind, body);
    expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(answer.body.errors).toEqual([{ path: '', message: `unknown field ${shown}` }]);
  });

  it('cleans the name of a field that is nearly known', async () => {
    const app = rooms();
    const answer = await askFor(app, 'room', { 'room\u202eId': 'all' });
    expect(answer.body.errors[0].path).toBe('/roomId');
  });
});

describe('the other kinds of tokens', () => {
  it.each<[AppOptions['entry'], number, number]>([
    [undefined, 404, 404],
    [{ room: true }, 200, 404],
    [{ basic: 'on' }, 404, 200],
    [{ basic: 'zim' }, 404, 200],
  ])('are there where they are switched on: %j', async (entry, room, basic) => {
    const app = await openApp({ ...(entry && { entry }), more: ROOMS });
    expect((await askFor(app, 'room', { roomId: 'all' })).status).toBe(room);
    expect((await askFor(app, 'basic', {})).status).toBe(basic);
  });

  it('have one limit for a user over all routes', async () => {
    const app = await openApp({ entry: BOTH, more: ROOMS, perUser: 3 });
    const statuses = [
      (await askFor(app, 'room', { roomId: 'all' })).status,
      (await askFor(app, 'basic', {})).status,
      (await ask(app)).status,
      (await askFor(app, 'room', { roomId: 'all' })).status,
      (await askFor(app, 'basic', {})).status,
      (await ask(app)).status,
    ];
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
  });

  it.each(['room', 'basic'] as const)('need a credential and JSON: %s', async (kind) => {
    const app = rooms();
    const path = `/${kind}-token`;
    const body = kind === 'room' ? { roomId: 'all' } : {};
    expectProblem(await ask(app, { path, body, credential: null }), 401, 'credential_missing');
    expectProblem(await ask(app, { path, body, credential: 'x.y.z' }), 401, 'credential_invalid');
    const expired = await signJwt({ exp: NOW - 60 });
    expectProblem(await ask(app, { path, body, credential: expired }), 401, 'credential_expired');
    const headers = { 'content-type': 'text/plain' };
    expectProblem(await ask(app, { path, body: '{}', headers }), 415, 'unsupported_media_type');
    for (const wrong of ['[]', 'null', '7', '{"roomId":', '']) {
      const headers = { 'content-type': 'application/json' };
      expectProblem(await ask(app, { path, body: wrong, headers }), 400, 'invalid_request');
    }
  });
});

describe('the access mode', () => {
  let postgres: Postgres;
  let url: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    url = await postgres.createDatabase('entry');
    const { database } = await openPostgres(url);
    await load(database, ROOMS);
    await database.close();
  });
  afterAll(() => postgres.stop());

  const grants = (user: string, room: string, publish: boolean) => {
    if (room === 'all' && user === 'alice') return [{ room, videos: [], publish: true }];
    if (room === 'hosts') return [{ room, videos: [], publish: user === 'bob' }];
    if (room === 'nobody') return [{ room, videos: [] }];
    return [{ room: 'another', videos: ['*'], publish }];
  };

  it.each(['sqlite', 'postgres'] as const)('%s decides by the directory', async (mode) => {
    const app = await openApp({
      ...{ entry: BOTH, more: ROOMS },
      ...(mode === 'postgres' && { access: { mode, url } }),
    });
    for (const [sub, roomId, publish, code] of DECISIONS) {
      const answer = await askFor(app, 'room', { roomId, publish }, { sub });
      // A room with a space is refused before it is asked for.
      const expected = roomId.includes(' ') ? 'invalid_request' : code;
      expect([sub, roomId, publish, answer.body.code]).toEqual([sub, roomId, publish, expected]);
    }
    for (const [sub, status] of [
      ['alice', 200],
      ['sam', 403],
      ['nobody', 403],
    ] as const) {
      expect((await askFor(app, 'basic', {}, { sub })).status).toBe(status);
    }
  });

  it('claims decides by the grants of the credential', async () => {
    const app = byClaims();
    const rows = DECISIONS.filter(([user]) => user === 'alice' || user === 'bob');
    for (const [sub, roomId, publish, code] of rows) {
      if (roomId.includes(' ')) continue;
      const claims = { sub, video_access: grants(sub, roomId, publish) };
      const answer = await askFor(app, 'room', { roomId, publish }, claims);
      expect([sub, roomId, publish, answer.body.code]).toEqual([sub, roomId, publish, code]);
    }
  });

  it.each<[string, unknown, boolean, string | number]>([
    ['a grant that ends', [{ room: 'r', videos: [], notAfter: NOW + 60 }], false, NOW + 60],
    [
      'the last of two that end',
      [
        { room: 'r', videos: [], notAfter: NOW + 60 },
        { room: 'r', videos: ['v'], notAfter: NOW + 90 },
      ],
      false,
      NOW + 90,
    ],
    [
      'the one that may publish',
      [
        { room: 'r', videos: [], notAfter: NOW + 60, publish: true },
        { room: 'r', videos: ['v'] },
      ],
      true,
      NOW + 60,
    ],
    [
      'a grant that has ended',
      [{ room: 'r', videos: [], notAfter: NOW }],
      false,
      'room_not_allowed',
    ],
    [
      'one that ends at once',
      [{ room: 'r', videos: [], notAfter: NOW + 9 }],
      false,
      'room_not_allowed',
    ],
    ['one to come', [{ room: 'r', videos: [], notBefore: NOW + 1 }], false, 'room_not_allowed'],
    [
      'one with an unknown field',
      [{ room: 'r', videos: [], host: true }],
      false,
      'room_not_allowed',
    ],
    [
      'a publish that is a text',
      [{ room: 'r', videos: [], publish: 'true' }],
      false,
      'room_not_allowed',
    ],
    ['no grants', undefined, false, 'room_not_allowed'],
    ['any room', [{ room: '*', videos: ['*'] }], false, 'room_not_allowed'],
    ['regions, which have no say', [{ room: 'r', videos: [], regions: [] }], false, NOW + 3600],
  ])('claims takes %s as it is', async (_name, video_access, publish, expected) => {
    const app = byClaims();
    const { body } = await askFor(app, 'room', { roomId: 'r', publish }, { video_access });
    expect(body.code ?? body.expireAt).toBe(expected);
  });

  it.each<[unknown, number]>([
    [true, 200],
    [false, 403],
    ['true', 403],
    [1, 403],
    [undefined, 403],
  ])('claims issues a basic token with "basic_token": %j and no other', async (value, status) => {
    const app = byClaims();
    expect((await askFor(app, 'basic', {}, { basic_token: value })).status).toBe(status);
  });

  /** A backend that answers so, and what it was asked. */
  async function withBackend(answer: unknown) {
    const asked: unknown[] = [];
    const server = createServer(async (request, response) => {
      asked.push(await json(request));
      response.end(JSON.stringify(answer));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close().closeAllConnections());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const access = {
      ...{ mode: 'http' as const, url: `http://127.0.0.1:${port}/`, secret: 'x'.repeat(32) },
      ...{ timeoutMs: 1_000, ignoredFields: [] },
    };
    return { asked, app: await openApp({ entry: BOTH, access }) };
  }

  it('http asks with the kind', async () => {
    const { app, asked } = await withBackend({ allow: true, kind: 'room' });
    const context = {
      country: null,
      requestId: expect.any(String),
      issuer: null,
      subject: 'alice',
    };
    await askFor(app, 'room', { roomId: 'r', publish: true });
    await askFor(app, 'basic', {});
    expect(asked).toEqual([
      { kind: 'room', userId: 'alice', roomId: 'r', publish: true, ...context },
      { kind: 'basic', userId: 'alice', ...context },
    ]);
  });

  it.each<['room' | 'basic', boolean, unknown, string | number]>([
    ['room', false, { allow: true, kind: 'room' }, NOW + 3600],
    ['room', true, { allow: true, kind: 'room' }, NOW + 3600],
    ['room', true, { allow: true, kind: 'room', publish: true }, NOW + 3600],
    ['room', true, { allow: true, kind: 'room', publish: false }, 'publish_not_allowed'],
    ['room', false, { allow: true, kind: 'room', publish: false }, NOW + 3600],
    ['room', false, { allow: true, kind: 'room', notAfter: NOW + 60 }, NOW + 60],
    ['room', false, { allow: true }, 'dependency_unavailable'],
    ['room', false, { allow: true, kind: 'basic' }, 'dependency_unavailable'],
    ['room', false, { allow: true, kind: 'video' }, 'dependency_unavailable'],
    ['room', false, { allow: true, kind: 'room', notafter: 1 }, 'dependency_unavailable'],
    ['room', false, { allow: true, kind: 'room', publish: 'no' }, 'dependency_unavailable'],
    ['room', false, { allow: false, code: 'room_not_allowed' }, 'room_not_allowed'],
    ['room', true, { allow: false, code: 'publish_not_allowed' }, 'publish_not_allowed'],
    ['room', false, { allow: false, code: 'publish_not_allowed' }, 'dependency_unavailable'],
    ['room', false, { allow: true, kind: 'room', notAfter: NOW + 9 }, 'room_not_allowed'],
    ['room', false, { allow: false, code: 'video_ended' }, 'dependency_unavailable'],
    ['basic', false, { allow: true, kind: 'basic' }, NOW + 3600],
    ['basic', false, { allow: true, kind: 'room' }, 'dependency_unavailable'],
    ['basic', false, { allow: true }, 'dependency_unavailable'],
    ['basic', false, { allow: true, kind: 'basic', publish: true }, 'dependency_unavailable'],
    ['basic', false, { allow: false, code: 'publish_not_allowed' }, 'dependency_unavailable'],
    ['basic', false, { allow: true, kind: 'basic', notAfter: NOW + 9 }, 'user_not_allowed'],
    ['basic', false, { allow: false, code: 'user_not_allowed' }, 'user_not_allowed'],
    ['basic', false, null, 'dependency_unavailable'],
  ])('http: %s, publish %s, answered %j', async (kind, publish, answer, expected) => {
    const { app } = await withBackend(answer);
    const body = kind === 'room' ? { roomId: 'r', publish } : {};
    const reply = await askFor(app, kind, body);
    expect(reply.body.code ?? reply.body.expireAt).toBe(expected);
  });
});
