import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInternalApp } from '../../src/admin/app.ts';
import { type AdminKey, adminKey } from '../../src/config/admin-keys.ts';
import type { AccessConfig } from '../../src/config/config.ts';
import { type Change, createStore } from '../../src/directory/store.ts';
import { openAccess } from '../../src/open-access.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { adminOptions, openInternal as openWithKeys } from '../support/admin.ts';
import { NOW } from '../support/clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startPostgres } from '../support/postgres.ts';

const KEY = 'admin-key-0123456789-0123456789-01';
const NDJSON = 'application/x-ndjson';

async function openInternal(
  config: AccessConfig,
  keys: AdminKey[] = [adminKey('admin', KEY, 'write')],
  hidden: readonly string[] = [],
) {
  const { service, database } = await openAccess(config);
  const changes: Change[] = [];
  const onChange = (change: Change) => void changes.push(change);
  const app = await createInternalApp({
    logger: createLogger({ write() {} }, 'silent'),
    metrics: createMetrics(config.mode).registry,
    directory: database && {
      database,
      store: createStore(database, onChange),
      service,
      countryOf: () => undefined,
      now: () => NOW,
    },
    admin: adminOptions(() => keys),
    draining: () => false,
    publicListener: () => ({ port: 0, corsOrigins: [], hidden }),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const close = async () => {
    await app.close();
    await service.close();
  };
  return { origin, close, service, changes };
}

describe.each([
  [
    'SQLite',
    async () => {
      const folder = temporaryFolder();
      const path = join(folder.path, 'access.db');
      return { config: { mode: 'sqlite', path } as const, remove: async () => folder.remove() };
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const postgres = await startPostgres();
      const url = await postgres.createDatabase('directory');
      return { config: { mode: 'postgres', url } as const, remove: postgres.stop };
    },
  ],
])('the directory API over %s', (_name, provide) => {
  let internal: Awaited<ReturnType<typeof openInternal>>;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const provided = await provide();
    remove = provided.remove;
    internal = await openInternal(provided.config);
  });
  afterAll(async () => {
    await internal.close();
    await remove();
  });

  const call = (
    method: 'get' | 'put' | 'patch' | 'post' | 'delete',
    path: string,
    body?: object | string,
  ) => {
    const test = supertest(internal.origin)[method](`/directory/${path}`);
    test.set('authorization', `Bearer ${KEY}`);
    if (typeof body === 'string') test.set('content-type', NDJSON);
    return body === undefined ? test : test.send(body);
  };
  const importLines = (...entries: object[]) =>
    call('post', 'import', entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));

  it('writes, reads and deletes a user; the same PUT twice is the same', async () => {
    for (const _time of [1, 2]) {
      await call('put', 'users/u1', { status: 'suspended' }).expect(200, { status: 'suspended' });
    }
    await call('get', 'users/u1').expect(200, { status: 'suspended' });
    await call('put', 'users/u1', {}).expect(200, { status: 'suspended' });
    await call('put', 'users/u1', { status: 'active' }).expect(200, { status: 'active' });
    await call('delete', 'users/u1').expect(204, '');
    await call('get', 'users/u1').expect(404);
    await call('delete', 'users/u1').expect(404);
  });

  it('writes, reads and deletes a video', async () => {
    const video = {
      title: 'A film',
      status: 'available',
      availableFrom: 1,
      availableUntil: 4_102_444_800,
      regions: ['SG', 'MY'],
    };
    await call('put', 'videos/v1', video).expect(200, video);
    await call('get', 'videos/v1').expect(200, video);
    await call('delete', 'videos/v1').expect(204);
    await call('get', 'videos/v1').expect(404);
  });

  it('keeps the lists of a room that a PUT leaves out, and replaces those that it gives', async () => {
    await importLines(
      { type: 'user', id: 'm1' },
      { type: 'video', id: 'a' },
      { type: 'video', id: 'b' },
    );
    const full = { status: 'open', videoIds: ['a', 'b'], memberIds: ['m1'] };
    await call('put', 'rooms/r1', full).expect(200, full);
    await call('put', 'rooms/r1', { status: 'closed' }).expect(200, { ...full, status: 'closed' });
    const fewer = { status: 'closed', videoIds: ['b'], memberIds: ['m1'] };
    await call('put', 'rooms/r1', { videoIds: ['b'] }).expect(200, fewer);
  });

  it('refuses a room that names what is not there, and changes nothing', async () => {
    const { body } = await call('put', 'rooms/r9', { videoIds: ['nowhere'] }).expect(400);
    expect(body).toMatchObject({
      code: 'invalid_request',
      errors: [{ message: 'there is no video nowhere' }],
    });
    await call('get', 'rooms/r9').expect(404);
  });

  it('makes an unknown user a member of a room only with create=true, and takes a member out', async () => {
    await call('put', 'rooms/r2', {}).expect(200);
    for (const query of ['', '?create=false']) {
      const { body } = await call('put', `rooms/r2/members/new_user${query}`).expect(404);
      expect(body.detail).toMatch(/no such user.*create=true/);
    }
    await call('put', 'rooms/r2/members/new_user?create=1').expect(400);
    await call('put', 'rooms/r2/members/new_user?creat=true').expect(400);
    await call('get', 'users/new_user').expect(404);
    await call('put', 'rooms/r2/members/new_user?create=true').expect(204);
    await call('put', 'rooms/r2/members/new_user').expect(204);
    await call('get', 'users/new_user').expect(200, { status: 'active' });
    await call('delete', 'rooms/r2/members/new_user').expect(204);
    await call('delete', 'rooms/r2/members/new_user').expect(404);
    const { body } = await call('put', 'rooms/no_room/members/new_user?create=true').expect(404);
    expect(body.detail).toContain('no such room');
  });

  const LICENSED = {
    title: 'A film',
    status: 'withdrawn',
    availableFrom: 10,
    availableUntil: 20,
    regions: ['SG', 'MY'],
  };

  it.each(['put', 'patch'] as const)(
    '%s keeps the licence of a film whose title alone is given, and null clears',
    async (method) => {
      const url = `videos/kept_${method}`;
      await call('put', url, LICENSED).expect(200);
      await call(method, url, { title: 'B' }).expect(200, { ...LICENSED, title: 'B' });
      for (const field of ['title', 'availableFrom', 'availableUntil', 'regions']) {
        await call('put', url, LICENSED).expect(200, LICENSED);
        await call(method, url, { [field]: null }).expect(200, { ...LICENSED, [field]: null });
      }
      await call(method, url, { status: null }).expect(400);
      await call(method, url, { availableUntil: 10, availableFrom: 10 }).expect(400);
      await call('put', url, LICENSED).expect(200);
      const { body } = await call(method, url, { availableFrom: 20 }).expect(400);
      expect(body.errors).toEqual([
        { path: 'availableUntil', message: 'must be later than availableFrom' },
      ]);
      await call('get', url).expect(200, LICENSED);
    },
  );

  it.each([
    ['users', 'user', {}, { status: null }],
    ['videos', 'video', {}, { status: null }],
    ['rooms', 'room', {}, { status: null }, { videoIds: null }, { memberIds: null }],
  ])('what GET of %s answers, PUT takes; null elsewhere is refused', async (path, type, ...bad) => {
    await importLines({ type, id: 'same' }).expect(200);
    const { body: before } = await call('get', `${path}/same`).expect(200);
    await call('put', `${path}/same`, before).expect(200, before);
    await call('patch', `${path}/same`, before).expect(200, before);
    for (const change of bad.slice(1)) {
      await call('put', `${path}/same`, change).expect(400);
      await call('patch', `${path}/same`, change).expect(400);
    }
    await call('get', `${path}/same`).expect(200, before);
  });

  it.each(['users', 'videos', 'rooms'])('PATCH creates nothing: %s', async (path) => {
    await call('patch', `${path}/absent`, {}).expect(404);
    await call('get', `${path}/absent`).expect(404);
  });

  it('PATCH takes merge patches and plain JSON, PUT plain JSON alone', async () => {
    await call('put', 'videos/media', LICENSED).expect(200);
    const send = (method: 'put' | 'patch', type: string) =>
      call(method, 'videos/media').set('content-type', type).send('{"regions":["TH"]}');
    for (const type of ['application/merge-patch+json', 'application/json; charset=utf-8']) {
      await call('put', 'videos/media', LICENSED).expect(200);
      await send('patch', type).expect(200, { ...LICENSED, regions: ['TH'] });
    }
    await send('patch', 'application/json-patch+json').expect(415);
    await send('patch', 'text/plain').expect(415);
    await send('put', 'application/merge-patch+json').expect(415);
    for (const body of ['[]', 'null', '"x"', '', '{"a":', '{"regions":["th"]}'])
      await call('patch', 'videos/media')
        .set('content-type', 'application/merge-patch+json')
        .send(body)
        .expect(400);
  });

  it.each([
    ['both forms', { licences: [{}], regions: null }],
    ['both forms of no limit', { licences: null, availableFrom: null }],
    ['101 licences', { licences: Array.from({ length: 101 }, () => ({})) }],
    ['an empty window', { licences: [{}, { from: 2, until: 2 }] }],
    ['null in a licence', { licences: [{ until: null }] }],
    ['an unknown field', { licences: [{ availableFrom: 1 }] }],
    ['an unknown country', { licences: [{ regions: ['UK'] }] }],
  ])('refuses licences with %s', async (_name, video) => {
    for (const method of ['put', 'patch'] as const) {
      await call('put', 'videos/strict', { licences: [{ until: 1 }] }).expect(200);
      const { body } = await call(method, 'videos/strict', video).expect(400);
      expect(body.code).toBe('invalid_request');
      expect(body.errors).toHaveLength(1);
    }
    await call('get', 'videos/strict').expect(200, {
      title: null,
      status: 'available',
      availableFrom: null,
      availableUntil: 1,
      regions: null,
    });
    await call('delete', 'videos/strict').expect(204);
  });

  it('answers several licences alone, and takes what it answers', async () => {
    const licences = [{ until: 10, regions: ['SG'] }, { from: 10 }];
    const stored = { title: 'A film', status: 'available', licences };
    await call('put', 'videos/several', { title: 'A film', licences }).expect(200, stored);
    await call('get', 'videos/several').expect(200, stored);
    await call('put', 'videos/several', stored).expect(200, stored);
    await call('patch', 'videos/several', { title: null }).expect(200, { ...stored, title: null });
    const { body } = await call('patch', 'videos/several', { regions: ['SG'] }).expect(400);
    expect(body.errors).toMatchObject([{ path: 'regions' }]);
    const { body: nowhere } = await call('patch', 'videos/several', { licences: [] }).expect(200);
    expect(nowhere).toMatchObject({ availableFrom: null, availableUntil: null, regions: [] });
  });

  it('refuses an import without entries unless it is allowed', async () => {
    for (const body of ['', '\n \n']) {
      const { body: problem } = await call('post', 'import', body).expect(400);
      expect(problem.errors[0].message).toMatch(/no entries.*allowEmpty=true/);
      await call('post', 'import?allowEmpty=true', body).expect(200, {
        user: 0,
        video: 0,
        room: 0,
      });
    }
    await call('post', 'import?allowempty=true', '\n').expect(400);
  });

  it('takes ids of 128 bytes, percent-encoded, and refuses longer ones', async () => {
    const id = 'é'.repeat(64);
    await call('put', `rooms/${encodeURIComponent(id)}`, {}).expect(200);
    await call('get', `rooms/${encodeURIComponent(`${id}x`)}`).expect(400);
    await call('put', 'users/%00', {}).expect(400);
  });

  it('imports lines and exports lines that import again', async () => {
    await importLines(
      { type: 'user', id: 'x1' },
      { type: 'video', id: 'xv', regions: [] },
      { type: 'room', id: 'xr', videoIds: ['xv'], memberIds: ['x1'] },
    ).expect(200, { user: 1, video: 1, room: 1 });
    const exported = await call('get', 'export').expect(200).buffer(true).parse(text);
    expect(exported.headers['content-type']).toBe(NDJSON);
    await call('post', 'import', exported.body).expect(200);
    const again = await call('get', 'export').buffer(true).parse(text);
    expect(again.body).toBe(exported.body);
  });

  it('names the bad line of an import and keeps nothing of it', async () => {
    const { body } = await call(
      'post',
      'import',
      '{"type":"user","id":"kept?"}\n{"type":"user"}\n',
    ).expect(400);
    expect(body.errors).toEqual([
      { path: 'line 2', message: expect.stringContaining('line 2: id') },
    ]);
    await call('get', `users/${encodeURIComponent('kept?')}`).expect(404);
  });

  it('refuses a field that it does not know: a misspelt window must not open a licence', async () => {
    await call('put', 'videos/v2', { availableuntil: 1 }).expect(400);
    await call('put', 'users/u2', { state: 'suspended' }).expect(400);
    await call('get', 'videos/v2').expect(404);
  });

  it('refuses milliseconds for seconds', async () => {
    await call('put', 'videos/v3', { availableUntil: 1_735_689_600_000 }).expect(400);
  });

  it('takes rooms with more videos than a small body could name', async () => {
    const videos = Array.from({ length: 1_200 }, (_, n) => ({ type: 'video', id: `many-${n}` }));
    await importLines(...videos).expect(200);
    await call('put', 'rooms/many', { videoIds: videos.map(({ id }) => id) }).expect(200);
  });

  it('reports the changes of its callers, made by admin', async () => {
    internal.changes.length = 0;
    await call('put', 'users/c1', {}).expect(200);
    await call('put', 'rooms/c1', {}).expect(200);
    await call('put', 'rooms/c1/members/c1').expect(204);
    await call('patch', 'rooms/absent', {}).expect(404);
    await call('delete', 'rooms/c1/members/c1').expect(204);
    await call('delete', 'users/c1').expect(204);
    await importLines({ type: 'video', id: 'c1', title: 'A film' }).expect(200);
    await call('put', 'rooms/c1', { videoIds: ['none'] }).expect(400);
    await call('delete', 'users/c1').expect(404);
    const requestIds = new Set(internal.changes.map(({ requestId }) => requestId));
    expect(requestIds.size).toBe(6);
    expect(internal.changes).toMatchObject([
      { actor: 'admin', operation: 'put', kind: 'user', id: 'c1' },
      { actor: 'admin', operation: 'put', kind: 'room', id: 'c1' },
      { actor: 'admin', operation: 'put', kind: 'member', roomId: 'c1', id: 'c1' },
      { actor: 'admin', operation: 'delete', kind: 'member', roomId: 'c1', id: 'c1' },
      { actor: 'admin', operation: 'delete', kind: 'user', id: 'c1' },
      {
        actor: 'admin',
        operation: 'import',
        counts: { user: 0, video: 1, room: 0 },
        replace: false,
      },
    ]);
  });

  it('lists its changes, newest first, with the key and the request', async () => {
    const put = await call('put', 'users/listed', {}).expect(200);
    await call('put', 'users/listed', { status: 'suspended' }).expect(200);
    const { body } = await call('get', 'changes?id=listed&limit=1').expect(200);
    expect(body.changes).toMatchObject([
      {
        actor: 'admin',
        type: 'user',
        id: 'listed',
        before: { status: 'active' },
        after: { status: 'suspended' },
      },
    ]);
    const older = await call('get', `changes?id=listed&after=${body.next}`).expect(200);
    expect(older.body.changes).toMatchObject([{ before: null, after: { status: 'active' } }]);
    expect(older.body.changes[0].requestId).toBe(put.headers['x-request-id']);
    expect(older.body.next).toBeNull();
    for (const wrong of ['limit=0', 'limit=1001', 'after=x', 'type=x', 'before=1']) {
      await call('get', `changes?${wrong}`).expect(400);
    }
  });

  it('explains a decision at a past moment', async () => {
    await importLines(
      { type: 'user', id: 'past' },
      { type: 'video', id: 'past' },
      { type: 'room', id: 'past', videoIds: ['past'], memberIds: ['past'] },
    ).expect(200);
    const before = Date.now() / 1000;
    const explainAt = (at: string | number) =>
      call('get', `explain?userId=past&roomId=past&videoId=past&at=${encodeURIComponent(at)}`);
    await setTimeout(5);
    await call('put', 'videos/past', { status: 'withdrawn' }).expect(200);
    await setTimeout(5);
    const after = new Date().toISOString();
    expect((await explainAt(before).expect(200)).body.decision.allow).toBe(true);
    const { decision } = (await explainAt(after).expect(200)).body;
    expect(decision).toMatchObject({ allow: false, code: 'video_not_allowed' });
    for (const wrong of [
      '1',
      '1e3',
      'now',
      before * 1000,
      '2999-01-01T00:00:00Z',
      '2026-02-30T00:00:00Z',
    ]) {
      const { body } = await explainAt(wrong).expect(400);
      expect(body.errors).toEqual([
        { path: expect.stringMatching(/^\/?at$/), message: expect.any(String) },
      ]);
    }
  });

  it('refuses an import that is no NDJSON', async () => {
    await call('post', 'import', { type: 'user', id: 'x' }).expect(415);
  });

  it('explains a decision and the rule that decided', async () => {
    await importLines(
      { type: 'user', id: 'e1' },
      { type: 'video', id: 'ev', regions: ['SG'] },
      { type: 'room', id: 'er', videoIds: ['ev'], memberIds: ['e1'] },
    );
    const { body } = await call('get', 'explain?userId=e1&roomId=er&videoId=ev&country=US').expect(
      200,
    );
    expect(body).toMatchObject({
      decision: { allow: false, code: 'region_not_allowed' },
      decidedBy: 'licence covers the country',
      facts: { room: { hasMember: true, hasVideo: true } },
    });
    const allowed = await call('get', 'explain?userId=e1&roomId=er&videoId=ev&country=SG').expect(
      200,
    );
    expect(allowed.body).toMatchObject({ decision: { allow: true }, decidedBy: null });
    await call('get', 'explain?userId=e1').expect(400);
  });

  it('changes what the next request is told', async () => {
    await importLines(
      { type: 'user', id: 'n1' },
      { type: 'video', id: 'nv' },
      { type: 'room', id: 'nr', videoIds: ['nv'], memberIds: ['n1'] },
    );
    const question = {
      userId: 'n1',
      roomId: 'nr',
      videoId: 'nv',
      country: undefined,
      requestId: 'r',
    };
    expect(await internal.service.check(question, NOW)).toEqual({ allow: true });
    await call('put', 'users/n1', { status: 'suspended' });
    expect(await internal.service.check(question, NOW)).toMatchObject({ code: 'user_not_allowed' });
  });
});

describe('the internal listener', () => {
  it('asks for the admin key, and says nothing about a wrong one', async () => {
    const folder = temporaryFolder();
    const internal = await openInternal({ mode: 'sqlite', path: join(folder.path, 'a.db') });
    const get = supertest(internal.origin).get.bind(supertest(internal.origin));
    const missing = await get('/directory/export').expect(401);
    expect(missing.body.code).toBe('credential_missing');
    for (const key of [`${KEY}x`, KEY.slice(1), 'x']) {
      const { body } = await get('/directory/export')
        .set('authorization', `Bearer ${key}`)
        .expect(401);
      expect(body.code).toBe('credential_invalid');
      expect(JSON.stringify(body)).not.toContain(key.length > 1 ? key : KEY);
    }
    await internal.close();
    folder.remove();
  });

  it('has no directory API without a key, nor over the claims of credentials', async () => {
    const without = await openWithKeys(undefined);
    await supertest(without.origin).get('/directory/export').expect(404);
    const claims = await openInternal({ mode: 'claims' });
    await supertest(claims.origin)
      .get('/directory/export')
      .set('authorization', `Bearer ${KEY}`)
      .expect(404);
    await claims.close();
  });

  it('answers a target that cannot be read, and goes on', async () => {
    const internal = await openInternal({ mode: 'claims' });
    await supertest(internal.origin).get('/%zz').expect(400);
    const { text: metrics } = await supertest(internal.origin).get('/metrics').expect(200);
    for (const name of [
      'video_token_duration_seconds',
      'access_check_duration_seconds',
      'auth_verify_duration_seconds',
      'rate_limit_shared',
      'nodejs_eventloop_lag_seconds',
      'process_resident_memory_bytes',
    ]) {
      expect(metrics).toContain(name);
    }
    await internal.close();
  });
});

function text(response: unknown, done: (error: Error | null, body: string) => void) {
  const chunks: Buffer[] = [];
  const stream = response as NodeJS.ReadableStream;
  stream.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
  stream.on('end', () => done(null, Buffer.concat(chunks).toString()));
}

describe('the API reference', () => {
  it('shows both documents, with their assets', async () => {
    const internal = await openInternal({ mode: 'claims' });
    const get = (path: string) => supertest(internal.origin).get(path);
    for (const [page, title] of [
      ['/docs', 'zego-video-token'],
      ['/docs/directory', 'zego-video-token, internal listener'],
    ]) {
      const { text: html } = await get(`${page}/`).expect(200);
      expect(html).toContain('swagger-ui-bundle.js');
      const { body } = await get(`${page}/json`).expect(200);
      expect(body.info.title).toBe(title);
      await get(`${page}/static/swagger-ui-bundle.js`).expect(200);
    }
    await internal.close();
  });

  it.each<[string[], string[]]>([
    [
      ['/room-token', '/basic-token'],
      ['RoomToken', 'BasicToken', 'Room and basic'],
    ],
    [['/room-token'], ['RoomToken', '/room-token']],
    [['/basic-token'], ['BasicToken', '/basic-token']],
    [[], []],
  ])('says nothing of the routes %j that are off', async (hidden, absent) => {
    const internal = await openInternal({ mode: 'claims' }, undefined, hidden);
    const { body, text } = await supertest(internal.origin).get('/docs/json').expect(200);
    const all = ['RoomToken', 'BasicToken', '/room-token', '/basic-token', 'Room and basic'];
    const expected = all.filter((name) => !absent.includes(name) && !hidden.includes(name));
    expect(all.filter((name) => text.includes(name))).toEqual(expected);
    expect(body.components.schemas).toHaveProperty('VideoTokenRequest');
    const { tags } = await supertest(internal.origin)
      .get('/docs/directory/json')
      .then((one) => one.body);
    expect(tags.length).toBeGreaterThan(1);
    await internal.close();
  });
});
