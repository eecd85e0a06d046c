import { request as send } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Database } from '../../src/directory/database.ts';
import { openAccess } from '../../src/open-access.ts';
import { followHistory, type Operation, operation, statements } from '../directory/history.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startPostgres } from '../support/postgres.ts';
import { releaseBefore } from '../support/release.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

const OPERATIONS = 10_000;
const MOMENTS = 1_000;
const KEY = 'admin-key-0123456789-0123456789-01';

/** By what a change comes, and how often; a command is a process of its own. */
const DOORS = {
  api: 50,
  conflict: 10,
  half: 5,
  aborted: 5,
  import: 10,
  cli: 1,
  older: 10,
  sql: 9,
} as const;
type Door = keyof typeof DOORS;

const doors = Object.entries(DOORS).map(([door, weight]) => ({
  weight,
  arbitrary: fc.constant(door as Door),
}));
const step = fc.record({
  door: fc.oneof(...(doors as [(typeof doors)[0]])),
  one: operation,
  n: fc.integer({ min: 0, max: 7 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** An operation as a request to the directory API; 0.2.0 has no licences, hosts and publish. */
function asRequest(one: Operation, isOlder: boolean): [string, string, object?] {
  const { id } = one;
  switch (one.do) {
    case 'user':
      return ['PUT', `/directory/users/${id}`, { status: one.status }];
    case 'video':
    case 'title': {
      const short = { title: 'x', availableFrom: id.length };
      const fields = one.do === 'title' ? { title: one.title } : { licences: one.licences };
      return ['PUT', `/directory/videos/${id}`, isOlder ? short : fields];
    }
    case 'room': {
      const { videoIds, memberIds, hostIds, publish } = one;
      const more = isOlder ? {} : { hostIds, publish };
      return ['PUT', `/directory/rooms/${id}`, { videoIds, memberIds, ...more }];
    }
    case 'member': {
      const query = isOlder || one.remove ? '' : '?create=true';
      const path = `/directory/rooms/${id}/members/${one.userId}${query}`;
      return [one.remove ? 'DELETE' : 'PUT', path];
    }
    case 'delete':
      return ['DELETE', `/directory/${one.type}s/${id}`];
    default:
      return ['PUT', `/directory/users/${id}`, {}];
  }
}

/** Resolves with the status; without one where the client leaves before its answer, or in the middle of its body. */
function ask(
  origin: string,
  [method, path, body]: [string, string, object?],
  headers: Record<string, string> = {},
  leave?: 'half' | 'aborted',
): Promise<number | undefined> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const request = send(`${origin}${path}`, {
    method,
    headers: {
      ...{ authorization: `Bearer ${KEY}`, ...headers },
      ...(body && { 'content-type': 'application/json', 'content-length': text.length }),
    },
  });
  request.on('response', (response) => {
    response.resume().on('close', () => resolve(response.statusCode));
  });
  request.on('error', () => resolve(undefined));
  if (leave === 'half' && body) request.write(text.slice(0, -1), () => request.destroy());
  else request.end(text, () => leave && request.destroy());
  return promise;
}

function lines(one: Operation, isBroken: boolean): string {
  const room = { type: 'room', id: one.id, memberIds: [one.id], videoIds: [] };
  const last = isBroken ? { type: 'user' } : { type: 'video', id: one.id, title: 'imported' };
  return [{ type: 'user', id: one.id }, room, last]
    .map((entry) => `${JSON.stringify(entry)}\n`)
    .join('');
}

type Doors = { service: Service; older: Service; database: Database; variables: Variables };

async function apply(step: Step, id: string, { service, older, database, variables }: Doors) {
  const { door, one, n } = step;
  const { internal } = service;
  const name = { 'x-request-id': id };
  switch (door) {
    case 'api':
      return ask(internal, asRequest(one, false), name);
    case 'conflict':
      return ask(internal, asRequest(one, false), { ...name, 'if-match': '"another"' });
    case 'half':
    case 'aborted':
      await ask(internal, asRequest(one, false), name, door);
      // Nothing says when a request has ended whose client is gone; most have by then.
      return delay(50);
    case 'import': {
      const headers = {
        ...{ ...name, 'content-type': 'application/x-ndjson' },
        authorization: `Bearer ${KEY}`,
      };
      const body = lines(one, n % 2 === 0);
      return (
        await fetch(`${internal}/directory/import`, { method: 'POST', headers, body })
      ).arrayBuffer();
    }
    case 'cli':
      return cli(['directory', 'import', '-'], { env: variables, input: lines(one, n % 2 === 0) });
    case 'older':
      return ask(older.internal, asRequest(one, true));
    case 'sql':
      return database
        .transaction(async ({ query }) => {
          for (const statement of statements(one.id)[n] ?? []) await query(statement);
          if (one.do === 'user') throw new Error('aborted');
        })
        .catch(() => {});
  }
}

/** Who made an entry, and by which door: a cascade has no actor, and other programs have no request id. */
function expectAuthor(entry: Record<string, unknown>, id: string): Door {
  const { actor, request_id } = entry;
  const [current = ''] = id.split('-');
  const [door = ''] = String(request_id ?? id).split('-');
  if (request_id === null)
    expect([actor, current]).toEqual([null, expect.stringMatching(/older|sql/)]);
  else if (!(door in DOORS)) {
    expect([actor ?? 'cli:', current]).toEqual([expect.stringMatching(/^cli:/), 'cli']);
    return 'cli';
  } else {
    expect(['admin', null]).toContain(actor);
    // What came of a request without a client may be seen later.
    if (door !== 'half' && door !== 'aborted') expect(request_id).toBe(id);
  }
  return door as Door;
}

it.each([
  ['SQLite', undefined],
  ['PostgreSQL', startPostgres],
])(
  'every change by any way has its entry, and every entry its change, over %s',
  {
    timeout: 1_800_000,
  },
  async (_name, start) => {
    const folder = temporaryFolder();
    const release = releaseBefore();
    const postgres = await start?.();
    const path = join(folder.path, 'access.db');
    const url = (await postgres?.createDatabase('access')) as string;
    const place = postgres
      ? { ACCESS_MODE: 'postgres', DATABASE_URL: url }
      : { ACCESS_SQLITE_PATH: path };
    const { service: access, database } = await openAccess(
      postgres ? { mode: 'postgres', url } : { mode: 'sqlite', path },
    );
    const variables = { ...place, ADMIN_API_KEY: KEY };
    const service = await startService(variables);
    const older = await startService(variables, { server: release.server });
    const used = { service, older, database: database as Database, variables };

    const seen = new Map<Door, number>();
    let id = '';
    let count = 0;
    await followHistory(
      used.database,
      fc.sample(step, OPERATIONS),
      MOMENTS,
      (one) => {
        id = `${one.door}-${++count}`;
        return apply(one, id, used);
      },
      (_one, entries) => {
        for (const entry of entries) {
          const door = expectAuthor(entry, id);
          seen.set(door, (seen.get(door) ?? 0) + 1);
        }
      },
    );
    expect(Object.keys(DOORS).filter((door) => seen.has(door as Door))).toEqual(
      expect.arrayContaining(['api', 'aborted', 'import', 'cli', 'older', 'sql']),
    );
    expect(seen.has('conflict')).toBe(false);
    // What the drill saw, for its report.
    console.log(Object.fromEntries(seen));
    await service.stop();
    await older.stop();
    await access.close();
    await postgres?.stop();
    folder.remove();
    release.remove();
  },
);
