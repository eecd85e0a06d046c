import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { adminKey } from '../../src/config/admin-keys.ts';
import { adminOptions, openInternal } from '../support/admin.ts';

const READ = 'read-key-0123456789-0123456789-01';
const WRITE = 'write-key-0123456789-0123456789-0';
const KEYS = [adminKey('support', READ, 'read'), adminKey('content', WRITE, 'write')];

const SAMPLE = [
  { type: 'user', id: 'alice', name: 'Alice 王' },
  { type: 'user', id: 'bob', status: 'suspended' },
  { type: 'video', id: 'film', title: 'The Film', availableUntil: 4_000_000_000 },
  { type: 'video', id: 'other', status: 'withdrawn' },
  { type: 'room', id: 'room', videoIds: ['film', 'other'], memberIds: ['alice', 'bob'] },
  { type: 'room', id: 'empty' },
];

async function open() {
  const { origin } = await openInternal(adminOptions(() => KEYS));
  const call = (method: 'get' | 'put' | 'patch' | 'post' | 'delete', path: string, key = WRITE) =>
    supertest(origin)[method](`/directory/${path}`).set('authorization', `Bearer ${key}`);
  const load = (lines: readonly object[], query = '', key = WRITE) =>
    call('post', `import${query}`, key)
      .set('content-type', 'application/x-ndjson')
      .send(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await load(SAMPLE).expect(200);
  return { call, load };
}

describe('the lists', () => {
  it.each<[string, unknown]>([
    [
      'users',
      {
        users: [
          { id: 'alice', status: 'active', name: 'Alice 王' },
          { id: 'bob', status: 'suspended' },
        ],
        next: null,
      },
    ],
    ['users?limit=1', { users: [expect.objectContaining({ id: 'alice' })], next: 'alice' }],
    ['users?after=alice', { users: [{ id: 'bob', status: 'suspended' }], next: null }],
    ['users?q=%E7%8E%8B', { users: [expect.objectContaining({ id: 'alice' })], next: null }],
    ['rooms?member=bob', { rooms: [{ id: 'room', status: 'open' }], next: null }],
    ['rooms?video=film&q=r', { rooms: [{ id: 'room', status: 'open' }], next: null }],
    ['rooms?q=e', { rooms: [{ id: 'empty', status: 'open' }], next: null }],
    [
      'videos?room=room&q=film',
      {
        videos: [
          {
            ...{ id: 'film', title: 'The Film', status: 'available' },
            ...{ availableFrom: null, availableUntil: 4_000_000_000, regions: null },
          },
        ],
        next: null,
      },
    ],
  ])('answer a key that may read: %s', async (path, body) => {
    const { call } = await open();
    expect((await call('get', path, READ).expect(200)).body).toEqual(body);
  });

  it.each([
    'users?limit=0',
    'users?limit=1001',
    'users?q=%00',
    'users?room=room',
    'rooms?user=alice',
    `rooms?member=${'x'.repeat(65)}`,
    'videos?member=alice',
    'users?Q=alice',
  ])('refuse what they do not understand: %s', async (path) => {
    const { call } = await open();
    await call('get', path).expect(400);
  });
});

describe('a change of what was read', () => {
  it.each<[string, 'put' | 'patch' | 'delete', string, object | undefined]>([
    ['users/alice', 'patch', 'users/alice', { status: 'suspended' }],
    ['users/alice', 'put', 'users/alice', { status: 'suspended' }],
    ['videos/film', 'patch', 'videos/film', { status: 'withdrawn' }],
    ['rooms/room', 'put', 'rooms/room/members/alice', undefined],
    ['rooms/room', 'delete', 'rooms/room/members/alice', undefined],
    ['rooms/room', 'patch', 'rooms/room', { memberIds: [] }],
    ['users/bob', 'delete', 'users/bob', undefined],
  ])('is made where it is still so, else 412: GET %s, %s %s', async (read, method, path, body) => {
    const { call } = await open();
    const { headers } = await call('get', read, READ).expect(200);
    const { etag } = headers as { etag: string };
    // Somebody else is faster.
    const kind = read.split('/')[0];
    const change = { users: { name: 'B' }, videos: { title: 'B' }, rooms: { status: 'closed' } };
    const faster = await call('patch', read)
      .send(change[kind as 'users'])
      .expect(200);
    expect(faster.headers.etag).not.toBe(etag);
    const refused = await call(method, path).set('if-match', etag).send(body).expect(412);
    expect(refused.body).toMatchObject({ code: 'precondition_failed', action: 'fix_request' });
    const now = await call('get', read).expect(200);
    expect(now.body).toEqual(faster.body);
    expect(now.headers.etag).toBe(faster.headers.etag);
    const answer = await call(method, path).set('if-match', String(now.headers.etag)).send(body);
    expect([200, 204]).toContain(answer.status);
  });

  it.each<[string, number]>([
    ['*', 200],
    ['"a", "b"', 412],
    ['W/"a"', 412],
    ['a', 400],
    ['"a', 400],
    ['', 400],
  ])('with If-Match: %s is %i', async (value, status) => {
    const { call } = await open();
    const send = (path: string) => call('put', path).set('if-match', value).send({});
    expect((await send('users/alice')).status).toBe(status);
    // What is not there has no representation that could match.
    expect((await send('users/new')).status).toBe(status === 400 ? 400 : 412);
  });

  it('matches one of several ETags', async () => {
    const { call } = await open();
    const { headers } = await call('get', 'users/alice');
    await call('patch', 'users/alice')
      .set('if-match', `"x", ${headers.etag}`)
      .send({ name: null })
      .expect(200);
  });
});

describe('the reasons without a video', () => {
  it('are those of each video of the room', async () => {
    const { call } = await open();
    const { body } = await call('get', 'explain?userId=alice&roomId=room', READ).expect(200);
    expect(body.videos).toMatchObject([
      { videoId: 'film', decision: { allow: true, notAfter: 4_000_000_000 }, decidedBy: null },
      { videoId: 'other', decision: { code: 'video_not_allowed' } },
    ]);
  });

  it.each([
    ['alice', 'empty', 'user is a member'],
    ['nobody', 'empty', 'user exists'],
    ['alice', 'no room', 'room exists'],
  ])('say of %s in %s what they can: %s', async (userId, roomId, decidedBy) => {
    const { call } = await open();
    const { body } = await call('get', 'explain').query({ userId, roomId }).expect(200);
    expect(body.videos).toMatchObject([{ videoId: null, decidedBy }]);
    const [{ rules }] = body.videos;
    const unchecked = rules.filter((one: { holds: unknown }) => one.holds === null);
    expect(unchecked.map((one: { rule: string }) => one.rule)).toEqual(
      expect.arrayContaining(['video exists', 'video is in the room', 'licence has begun']),
    );
  });
});

describe('the reasons about a room token', () => {
  it.each([
    ['alice', 'room', 'false', undefined, null],
    ['alice', 'room', 'true', undefined, null],
    ['bob', 'room', 'false', 'user_not_allowed', 'user is active'],
    ['alice', 'empty', 'true', 'room_not_allowed', 'user is a member'],
    ['alice', 'no room', 'true', 'room_not_allowed', 'room exists'],
  ])('say of %s in %s, publish %s: %s', async (userId, roomId, publish, code, decidedBy) => {
    const { call } = await open();
    const query = { userId, roomId, publish };
    const { body } = await call('get', 'explain/room', READ).query(query).expect(200);
    expect([body.code, body.decidedBy]).toEqual([code, decidedBy]);
    expect(body.rules).toHaveLength(publish === 'true' ? 6 : 5);
  });

  it('name who may publish', async () => {
    const { call } = await open();
    await call('patch', 'rooms/room')
      .send({ publish: 'hosts', hostIds: ['bob'] })
      .expect(200);
    const query = { userId: 'alice', roomId: 'room', publish: 'true' };
    const { body } = await call('get', 'explain/room').query(query).expect(200);
    expect(body).toMatchObject({ code: 'publish_not_allowed', decidedBy: 'user may publish' });
    expect(body.rules.at(-1).fact).toBe('in room may publish: hosts; alice is not a host');
    await call('get', 'explain/room')
      .query({ ...query, videoId: 'film' })
      .expect(400);
  });
});

describe('the check before the evening', () => {
  const EVENING = { roomId: 'room', videoId: 'film', startsAt: 2_000_000_000, runtimeSeconds: 60 };

  it('is made with a key that may read', async () => {
    const { call } = await open();
    const { body } = await call('post', 'preflight', READ)
      .send({ ...EVENING, countries: { alice: 'SG' } })
      .expect(200);
    expect(body).toEqual({
      members: [
        {
          userId: 'alice',
          atStart: { allow: true, notAfter: 4_000_000_000 },
          atEnd: { allow: true, notAfter: 4_000_000_000 },
          countryKnown: true,
        },
        {
          userId: 'bob',
          atStart: { allow: false, code: 'user_not_allowed' },
          atEnd: { allow: false, code: 'user_not_allowed' },
          countryKnown: false,
        },
      ],
      alternatives: [],
    });
  });

  it.each<[object, number]>([
    [{ roomId: 'no room' }, 404],
    [{ videoId: 'no film' }, 404],
    [{ startsAt: 2_000_000_000_000 }, 400],
    [{ runtimeSeconds: 0 }, 400],
    [{ countries: { alice: 'Singapore' } }, 400],
    [{ minutes: 3 }, 400],
  ])('refuses %j with %i', async (wrong, status) => {
    const { call } = await open();
    await call('post', 'preflight')
      .send({ ...EVENING, ...wrong })
      .expect(status);
  });
});

describe('a dry run of an import', () => {
  const CHANGED = [
    { type: 'user', id: 'alice', status: 'suspended' },
    { type: 'user', id: 'carol' },
    { type: 'video', id: 'film', availableUntil: null },
    { type: 'room', id: 'room', memberIds: ['alice', 'carol'] },
  ];

  it('says what would change, and changes nothing', async () => {
    const { call, load } = await open();
    const before = (await call('get', 'export')).text;
    const { body } = await load(CHANGED, '?dryRun=true', READ).expect(200);
    expect(body).toMatchObject({
      ...{ user: 2, video: 1, room: 1 },
      changes: {
        counts: {
          user: { created: 1, updated: 1, deleted: 0 },
          video: { created: 0, updated: 1, deleted: 0 },
          member: { created: 1, updated: 0, deleted: 1 },
        },
        wider: { count: 1, videoIds: ['film'] },
      },
    });
    expect(body.changes.examples).toHaveLength(5);
    expect((await call('get', 'export')).text).toBe(before);
  });

  it('with replace counts what would go', async () => {
    const { load } = await open();
    const { body } = await load([{ type: 'user', id: 'alice' }], '?dryRun=true&replace=true');
    expect(body.changes.counts).toMatchObject({
      ...{ user: { deleted: 1 }, video: { deleted: 2 }, room: { deleted: 2 } },
      ...{ member: { deleted: 2 }, room_video: { deleted: 2 } },
    });
  });

  it.each([
    ['begins earlier', { availableFrom: 10 }, { availableFrom: 9 }, 1],
    ['begins later', { availableFrom: 10 }, { availableFrom: 11 }, 0],
    ['ends later', { availableUntil: 10 }, { availableUntil: 11 }, 1],
    ['ends', {}, { availableUntil: 11 }, 0],
    ['has one country more', { regions: ['SG'] }, { regions: ['SG', 'MY'] }, 1],
    ['has another country', { regions: ['SG'] }, { regions: ['MY'] }, 1],
    ['has one country less', { regions: ['SG', 'MY'] }, { regions: ['SG'] }, 0],
    ['is everywhere', { regions: [] }, { regions: null }, 1],
    ['gets a second one', {}, { licences: [{}, { from: 5 }] }, 1],
    ['has another title', {}, { title: 'New' }, 0],
  ])('shows a licence that becomes wider: it %s', async (_name, before, after, count) => {
    const { load } = await open();
    await load([{ type: 'video', id: 'film', availableUntil: null, ...before }]).expect(200);
    const { body } = await load([{ type: 'video', id: 'film', ...after }], '?dryRun=true');
    expect(body.changes.wider.count).toBe(count);
  });

  it('is refused with the problems of its lines, as an import is', async () => {
    const { load } = await open();
    const { body } = await load([{ type: 'user', id: 'x', colour: 1 }], '?dryRun=true').expect(400);
    expect(body.errors[0].path).toBe('line 1');
    await load([], '?dryRun=true').expect(400);
  });

  it('alone is for a key that may read', async () => {
    const { load } = await open();
    for (const query of ['', '?dryRun=false', '?replace=true']) {
      const { body } = await load(CHANGED, query, READ).expect(403);
      expect(body.code).toBe('read_only_key');
    }
  });
});
