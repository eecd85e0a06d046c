import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/directory/database.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { type Change, cliAuthor, createStore } from '../../src/directory/store.ts';
import {
  exportDirectory,
  ImportError,
  type ImportOptions,
  importDirectory,
} from '../../src/directory/transfer.ts';
import { splitLines, withIdleTimeout } from '../../src/lines.ts';
import { chunks, load } from '../support/directory.ts';
import { rejectionOf } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const ALICE = '{"type":"user","id":"alice"}';
const FILM = '{"type":"video","id":"film"}';
const ROOM = '{"type":"room","id":"room","videoIds":["film"],"memberIds":["alice"]}';

const folder = temporaryFolder();
let database: Database;

beforeAll(async () => {
  database = await openSqliteDatabase(join(folder.path, 'access.db'));
});

beforeEach(empty);

afterAll(async () => {
  await database.close();
  folder.remove();
});

async function empty(): Promise<void> {
  await database.transaction(async ({ query }) => {
    for (const table of ['rooms', 'users', 'videos']) await query(`DELETE FROM ${table}`);
  });
}

function importLines(
  lines: AsyncIterable<Uint8Array>,
  options: Partial<ImportOptions> = {},
  into = database,
) {
  return importDirectory(createStore(into), lines, { author: cliAuthor('test'), ...options });
}

function read(...pieces: (string | Uint8Array)[]) {
  return importLines(chunks(...pieces));
}

function exported(): Promise<string[]> {
  return Array.fromAsync(exportDirectory(database));
}

/** The only error that a file may end with; it names its line, and nothing is kept. */
async function refusal(...pieces: (string | Uint8Array)[]): Promise<ImportError> {
  const error = await rejectionOf(read(...pieces));
  if (!(error instanceof ImportError)) throw error;
  expect(await exported()).toEqual([]);
  return error;
}

describe('an import', () => {
  it.each([
    ['lines', `${ALICE}\n${FILM}\n${ROOM}\n`],
    ['a last line without its end', `${ALICE}\n${FILM}\n${ROOM}`],
    ['lines of Windows', `${ALICE}\r\n${FILM}\r\n${ROOM}\r\n`],
    ['blank lines', `\n\n${ALICE}\n \t\r\n${FILM}\n\n${ROOM}\n\n\n`],
    ['a byte order mark at the start', `\ufeff${ALICE}\n${FILM}\n${ROOM}`],
    ['white space around', `  ${ALICE}\t\n${FILM} \n ${ROOM}`],
  ])('reads %s', async (_name, text) => {
    expect(await read(text)).toEqual({ user: 1, video: 1, room: 1 });
    expect(await exported()).toHaveLength(3);
  });

  it('of nothing is refused unless it is allowed', async () => {
    const NOTHING = { user: 0, video: 0, room: 0 };
    for (const text of ['', '\n', '\ufeff', ' \r\n\t']) {
      expect((await refusal(text)).problems).toEqual([]);
      const options = { allowEmpty: true };
      expect(await importLines(chunks(text), options)).toEqual(NOTHING);
      const replacing = importLines(chunks(text), { ...options, replace: true });
      expect(await rejectionOf(replacing)).toMatchObject({ name: 'ImportError', count: 0 });
      const dry = importLines(chunks(text), { dryRun: true });
      expect(await rejectionOf(dry)).toMatchObject({ name: 'ImportError', count: 0 });
    }
  });

  it('reads lines that are split anywhere, inside a character too', async () => {
    const bytes = Buffer.from('{"type":"user","id":"用户🎬"}\n{"type":"user","id":"é"}');
    for (let at = 0; at <= bytes.length; at++) {
      await empty();
      expect(await read(bytes.subarray(0, at), bytes.subarray(at))).toMatchObject({ user: 2 });
    }
    await empty();
    await read(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
    expect((await exported()).map((line) => JSON.parse(line).id)).toEqual(['é', '用户🎬']);
  });

  it('has the later of two lines for one entry, and counts both', async () => {
    const suspended = '{"type":"user","id":"alice","status":"suspended"}';
    expect(await read(`${ALICE}\n${suspended}\n`)).toMatchObject({ user: 2 });
    expect((await exported()).map((line) => JSON.parse(line))).toMatchObject([
      { status: 'suspended' },
    ]);
  });

  it('adds to what is there, and is the same when it is read twice', async () => {
    await read(ALICE);
    await read(`${FILM}\n${ROOM}`);
    const once = await exported();
    await read(`${ALICE}\n${FILM}\n${ROOM}`);
    expect(await exported()).toEqual(once);
  });

  it('tells how far it is, blank lines counted', async () => {
    const lines: number[] = [];
    await importLines(chunks(`${ALICE}\n\n${FILM}`), {
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual([1, 2, 3]);
  });

  it('keeps nothing when its source breaks off', async () => {
    async function* breaking() {
      yield Buffer.from(`${ALICE}\n`);
      throw new Error('connection lost');
    }
    const error = await rejectionOf(importLines(breaking()));
    expect(error).toMatchObject({ message: 'connection lost' });
    expect(await exported()).toEqual([]);
  });
});

describe('an import of many lines', () => {
  /** How often the event loop came round while the import ran. */
  async function turnsDuring(work: Promise<unknown>): Promise<number> {
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await work;
    running = false;
    return turns;
  }

  it('lets others have their turn after each piece of the file', async () => {
    const pieces = Array.from({ length: 50 }, (_, piece) =>
      Array.from({ length: 20 }, (_, i) => `{"type":"user","id":"${piece}-${i}"}\n`).join(''),
    );
    expect(await turnsDuring(read(...pieces))).toBeGreaterThanOrEqual(50);
    expect(await exported()).toHaveLength(1_000);
  });

  it('lets others have their turn inside of a piece that does much', async () => {
    const ids = Array.from({ length: 140 }, (_, i) => String(i));
    await load(
      database,
      ids.map((id) => ({ type: 'user', id })),
    );
    const rooms = Array.from({ length: 80 }, (_, i) => ({
      type: 'room',
      id: `${i}`,
      memberIds: ids,
    }));
    expect(await turnsDuring(load(database, rooms))).toBeGreaterThanOrEqual(6);
  });

  it('lets others have their turn inside of a line that names many', async () => {
    const ids = Array.from({ length: 2_000 }, (_, i) => `film-${i}`);
    await load(
      database,
      ids.map((id) => ({ type: 'video', id })),
    );
    const room = { type: 'room', id: 'room', videoIds: ids };
    expect(await turnsDuring(load(database, [room]))).toBeGreaterThanOrEqual(10);
  });
});

describe('chunks that are passed on while they come', () => {
  it('are all there, in order, however slowly they come within the time', async () => {
    async function* slow() {
      for (const piece of ['a', 'b', 'c']) {
        await delay(20);
        yield Buffer.from(piece);
      }
    }
    const passed = await Array.fromAsync(withIdleTimeout(slow(), 5_000));
    expect(Buffer.concat(passed).toString()).toBe('abc');
  });

  it('may be none', async () => {
    expect(await Array.fromAsync(withIdleTimeout(chunks(), 5_000))).toEqual([]);
  });

  it('end the import when none comes any more: nothing is kept, and others may write', async () => {
    async function* silent() {
      yield Buffer.from(`${ALICE}\n`);
      await new Promise(() => {});
    }
    const importing = importLines(withIdleTimeout(silent(), 50));
    expect(await rejectionOf(importing)).toMatchObject({
      name: 'ServiceError',
      code: 'request_timeout',
    });
    expect(await exported()).toEqual([]);
    expect(await read(FILM)).toMatchObject({ video: 1 });
  });

  it('break off with the error of their source', async () => {
    async function* breaking() {
      yield Buffer.from(ALICE);
      throw new Error('connection lost');
    }
    const passing = Array.fromAsync(withIdleTimeout(breaking(), 5_000));
    expect(await rejectionOf(passing)).toMatchObject({ message: 'connection lost' });
  });
});

describe('a bad line', () => {
  const BAD: [string, string | Uint8Array, RegExp][] = [
    ['no JSON', 'user alice', /is not JSON in UTF-8/],
    ['half a line', '{"type":"user"', /is not JSON in UTF-8/],
    ['two entries on one line', ALICE + ALICE, /is not JSON in UTF-8/],
    ['invalid UTF-8', Buffer.from('{"type":"user","id":"\xff"}', 'latin1'), /is not JSON in UTF-8/],
    ['a byte order mark in the middle', `\ufeff${ALICE}`, /is not JSON in UTF-8/],
    ['a list', '[]', /./],
    ['null', 'null', /./],
    ['a number', '1', /./],
    ['no type', '{"id":"alice"}', /type/],
    ['an unknown type', '{"type":"group","id":"x"}', /type/],
    ['no id', '{"type":"user"}', /id/],
    ['an id that is a number', '{"type":"user","id":1}', /id/],
    ['an empty id', '{"type":"user","id":""}', /id/],
    ['an id of 65 bytes', `{"type":"user","id":"${'u'.repeat(65)}"}`, /id/],
    [
      'an id of 66 bytes in 33 letters',
      `{"type":"user","id":"${'é'.repeat(33)}"}`,
      /id: must be at most 64 bytes/,
    ],
    ['an id with a NUL', '{"type":"user","id":"a\\u0000"}', /id: must have no control characters/],
    ['an id with a lone surrogate', '{"type":"user","id":"\\ud800"}', /id: must be valid Unicode/],
    ['a video id of 129 bytes', `{"type":"video","id":"${'v'.repeat(129)}"}`, /id/],
    ['an unknown status', '{"type":"user","id":"a","status":"gone"}', /status/],
    ['a field that we do not know', '{"type":"user","id":"a","stauts":"active"}', /stauts/],
    ['a field of another type', '{"type":"user","id":"a","regions":[]}', /regions/],
    [
      'a region in lower case',
      '{"type":"video","id":"v","regions":["sg"]}',
      /regions\.0: must be an ISO/,
    ],
    ['regions in one text', '{"type":"video","id":"v","regions":"SG"}', /regions/],
    ['a time in words', '{"type":"video","id":"v","availableFrom":"now"}', /availableFrom/],
    ['a time in fractions', '{"type":"video","id":"v","availableUntil":1.5}', /availableUntil/],
    [
      'a time in milliseconds',
      '{"type":"video","id":"v","availableUntil":1700000000000}',
      /availableUntil/,
    ],
    [
      'a time after the year 9999',
      '{"type":"video","id":"v","availableFrom":253402300800}',
      /availableFrom/,
    ],
    ['zeros, as a file that was never written has', '\0\0\0', /is not JSON in UTF-8/],
    ['control characters', '\u0001\u000b\u000c', /is not JSON in UTF-8/],
    ['a time before 1970', '{"type":"video","id":"v","availableFrom":-1}', /availableFrom/],
    [
      'a time past every integer',
      '{"type":"video","id":"v","availableFrom":1e300}',
      /availableFrom/,
    ],
    [
      'a title with a NUL',
      '{"type":"video","id":"v","title":"a\\u0000b"}',
      /title: must have no control/,
    ],
    ['a title with a lone surrogate', '{"type":"video","id":"v","title":"\\udc00"}', /title/],
    ['a title of 501 letters', `{"type":"video","id":"v","title":"${'t'.repeat(501)}"}`, /title/],
    [
      'a window that ends before it begins',
      '{"type":"video","id":"v","availableFrom":2,"availableUntil":1}',
      /availableUntil: must be later/,
    ],
    ['the country UK', '{"type":"video","id":"v","regions":["SG","UK"]}', /regions\.1: UK .* GB/],
    [
      'the country XX',
      '{"type":"video","id":"v","regions":["XX"]}',
      /regions\.0: XX is not a country/,
    ],
    [
      'both forms of a licence',
      '{"type":"video","id":"v","licences":[{}],"availableFrom":null}',
      /licences: cannot be combined with availableFrom/,
    ],
    [
      'both forms of no licence',
      '{"type":"video","id":"v","licences":null,"regions":null}',
      /licences: cannot be combined with regions/,
    ],
    [
      'a licence that ends as it begins',
      '{"type":"video","id":"v","licences":[{},{"from":5,"until":5}]}',
      /licences\.1\.until: must be later than from/,
    ],
    [
      'a licence that begins at null',
      '{"type":"video","id":"v","licences":[{"from":null}]}',
      /licences\.0\.from: must be a number/,
    ],
    [
      'a licence with an unknown field',
      '{"type":"video","id":"v","licences":[{"form":5}]}',
      /licences\.0: unknown field "form"; did you mean from\?/,
    ],
    [
      'a licence of the country UK',
      '{"type":"video","id":"v","licences":[{"regions":["UK"]}]}',
      /licences\.0\.regions\.0: UK .* GB/,
    ],
    [
      'a licence of a country in lower case',
      '{"type":"video","id":"v","licences":[{"regions":["sg"]}]}',
      /licences\.0\.regions\.0: must be an ISO/,
    ],
    [
      'a licence in milliseconds',
      '{"type":"video","id":"v","licences":[{"until":1700000000000}]}',
      /licences\.0\.until: must be Unix seconds/,
    ],
    [
      '101 licences',
      JSON.stringify({ type: 'video', id: 'v', licences: Array.from({ length: 101 }, () => ({})) }),
      /licences: must be at most 100 long/,
    ],
    ['licences that are an object', '{"type":"video","id":"v","licences":{}}', /licences/],
    ['a status of null', '{"type":"video","id":"v","status":null}', /status/],
    ['a list of null', '{"type":"room","id":"r","videoIds":null}', /videoIds/],
    ['an unknown video', '{"type":"room","id":"r","videoIds":["no"]}', /there is no video no/],
    ['an unknown member', '{"type":"room","id":"r","memberIds":["no"]}', /there is no user no/],
    [
      'a room of a later video',
      `{"type":"room","id":"r","videoIds":["v"]}\n{"type":"video","id":"v"}`,
      /there is no video v/,
    ],
  ];

  it.each(BAD)(
    'is named by its number, and nothing of the file is kept: %s',
    async (_name, bad, message) => {
      const error = await refusal(`${ALICE}\n\n${FILM}\r\n`, bad, `\n${ROOM}\n`);
      expect(error.line).toBe(4);
      expect(error.message).toMatch(/^line 4: /);
      expect(error.message).toMatch(message);
    },
  );

  it('at the end without a line end is named too', async () => {
    expect(await refusal(`${ALICE}\n{`)).toMatchObject({ line: 2 });
  });

  it('of more than 16 MiB is not waited for', async () => {
    let given = 0;
    async function* endless() {
      yield Buffer.from(`${ALICE}\n`);
      for (;;) {
        given += 1_048_576;
        yield Buffer.alloc(1_048_576, 0x20);
      }
    }
    const error = await rejectionOf(importLines(endless()));
    expect(error).toMatchObject({ name: 'ImportError', line: 2 });
    expect((error as Error).message).toBe('line 2: is longer than 16 MiB');
    expect(given).toBeLessThan(20 * 1_048_576);
    expect(await exported()).toEqual([]);
  });
});

describe('a file that is not text', () => {
  const lines = Array.from({ length: 2_000 }, (_, i) => `{"type":"user","id":"user-${i}"}\n`).join(
    '',
  );
  it.each([
    ['gzip', gzipSync(lines), 'it is compressed by gzip; decompress it first'],
    ['zstd', zstdCompressSync(lines), 'it is compressed by zstd; decompress it first'],
    [
      'zip',
      Buffer.concat([Buffer.from('PK\x03\x04'), gzipSync(lines)]),
      'it is a ZIP file; extract it first',
    ],
    ['UTF-16', Buffer.from(`\ufeff${lines}`, 'utf16le'), 'it is in UTF-16; convert it to UTF-8'],
    [
      'a SQLite database',
      Buffer.from('SQLite format 3\0\n\0'),
      'it is a SQLite database; export it first',
    ],
    ['random bytes', Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7919) % 251)), ''],
  ])('is refused once, by its line: %s', async (_name, bytes, hint) => {
    const message = hint === '' ? 'is not JSON in UTF-8' : `is not JSON in UTF-8; ${hint}`;
    const first = await refusal(bytes);
    expect([first.count, first.problems]).toEqual([1, [{ line: 1, message }]]);
    const later = await refusal(`${ALICE}\n{\n`, bytes, `\n${FILM}`);
    expect(later.problems.map(({ line }) => line)).toEqual([2, 3]);
    expect(later.count).toBe(2);
  });
});

describe('the bad lines of an import', () => {
  it('are all listed, and up to 100 of them with their number', async () => {
    const few = await refusal(`{\n${ALICE}\n[]\n{"type":"room","id":"r","memberIds":["no"]}\n`);
    expect(few.problems.map(({ line }) => line)).toEqual([1, 3, 4]);
    const many = await refusal('{\n'.repeat(250));
    expect([many.count, many.problems.length, many.problems.at(-1)?.line]).toEqual([250, 100, 100]);
  });

  it('may be of an older export, and are then warnings', async () => {
    const old = '{"type":"video","id":"v","availableFrom":2,"availableUntil":1,"regions":["UK"]}';
    expect((await refusal(old)).count).toBe(1);
    const forms = '{"type":"video","id":"v","licences":[{}],"regions":["SG"]}';
    const both = importLines(chunks(forms), { onWarning: () => {} });
    expect(await rejectionOf(both)).toMatchObject({ count: 1 });
    const warnings: object[] = [];
    await importLines(chunks(old), { onWarning: (line) => warnings.push(line) });
    expect(warnings).toEqual([
      { line: 1, message: 'availableUntil: must be later than availableFrom' },
    ]);
    expect(await exported()).toHaveLength(1);
  });
});

describe('an import that replaces', () => {
  const replace = (text: string) => importLines(chunks(text), { replace: true });
  const ids = async () => (await exported()).map((line) => JSON.parse(line).id);

  it('deletes what the file does not name, and keeps the lists that it leaves out', async () => {
    const others = Array.from({ length: 1_500 }, (_, i) => `{"type":"user","id":"old-${i}"}\n`);
    await read(`${ALICE}\n${FILM}\n${ROOM}\n${others.join('')}{"type":"room","id":"old"}`);
    await replace(`${ALICE}\n${FILM}\n{"type":"room","id":"room"}`);
    expect(await ids()).toEqual(['alice', 'film', 'room']);
    expect(JSON.parse((await exported())[2] ?? '')).toMatchObject({ memberIds: ['alice'] });
  });

  it.each(['', '\n\n'])('refuses an empty file', async (text) => {
    await read(ALICE);
    expect(await rejectionOf(replace(text))).toMatchObject({ name: 'ImportError' });
    expect(await ids()).toEqual(['alice']);
  });

  it('and a dry run of it, change nothing when a line is wrong or when it is dry', async () => {
    await read(ALICE);
    await rejectionOf(replace(`${FILM}\n{`));
    const options = { replace: true, dryRun: true };
    expect(await importLines(chunks(FILM), options)).toMatchObject({ video: 1 });
    expect(await ids()).toEqual(['alice']);
  });
});

describe('for any directory', () => {
  const id = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => /^[^\p{Cc}\p{Cs}]+$/u.test(text) && Buffer.byteLength(text) <= 64);
  const country = fc.constantFrom('SG', 'MY', 'GB', 'XK');
  const user = fc.record({
    type: fc.constant('user'),
    id,
    status: fc.constantFrom('active', 'suspended'),
  });
  const video = fc.record({
    type: fc.constant('video'),
    id,
    title: fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }).filter(isPlain)),
    status: fc.constantFrom('available', 'withdrawn'),
    availableFrom: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
    availableUntil: fc.option(fc.integer({ min: 1_000_001, max: 253_402_300_799 })),
    regions: fc.option(fc.array(country, { maxLength: 3 })),
  });
  const unique = { selector: ({ id }: { id: string }) => id, maxLength: 6 };
  const directory = fc
    .tuple(fc.uniqueArray(user, unique), fc.uniqueArray(video, unique))
    .chain(([users, videos]) => {
      const room = fc.record({
        type: fc.constant('room'),
        id,
        status: fc.constantFrom('open', 'closed'),
        videoIds: fc.subarray(videos.map(({ id }) => id)),
        memberIds: fc.subarray(users.map(({ id }) => id)),
      });
      return fc.uniqueArray(room, unique).map((rooms) => [...users, ...videos, ...rooms]);
    });

  function isPlain(text: string): boolean {
    return /^[^\p{Cc}\p{Cs}]*$/u.test(text);
  }

  /** Lists are sets: their order says nothing. */
  const canonical = (entries: object[]) =>
    entries
      .map((entry) =>
        JSON.stringify(entry, (key, value) => (/Ids$/.test(key) ? [...value].sort() : value)),
      )
      .sort();

  it('the export is what was imported, and imports to the same again', async () => {
    await fc.assert(
      fc.asyncProperty(directory, async (entries) => {
        await empty();
        await load(database, entries);
        const first = await exported();
        expect(canonical(first.map((line) => JSON.parse(line)))).toEqual(canonical(entries));
        await empty();
        await importLines(chunks(first.join('')), { allowEmpty: true });
        expect(await exported()).toEqual(first);
      }),
    );
  });
});

describe('for any bytes', () => {
  const fragment = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc
      .constantFrom(ALICE, FILM, ROOM, '\n', '\r\n', '{"type":"room","id":"', '\0', '"}')
      .map((text) => Uint8Array.from(Buffer.from(text))),
    fc.json().map((json) => Uint8Array.from(Buffer.from(`${json}\n`))),
  );

  it('an import ends well or with an ImportError that names a line of the file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fragment, { maxLength: 12 }), async (pieces) => {
        await empty();
        try {
          await importLines(chunks(...pieces), { allowEmpty: true });
        } catch (error) {
          if (!(error instanceof ImportError)) throw error;
          const lines = Buffer.concat(pieces).toString('latin1').split('\n').length;
          expect(error.line).toBeGreaterThanOrEqual(1);
          expect(error.line).toBeLessThanOrEqual(lines);
          expect(await exported()).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const AUTHOR = cliAuthor('ops');

describe('what an import reports', () => {
  const report = async (text: string, options: Partial<ImportOptions> = {}) => {
    const changes: Change[] = [];
    const store = createStore(database, (change) => void changes.push(change));
    await importDirectory(store, chunks(text), { author: AUTHOR, ...options }).catch(() => {});
    return changes;
  };

  it('is one change with its counts and who made it, after it was kept', async () => {
    const counts = { user: 1, video: 1, room: 1 };
    const imported = { ...AUTHOR, operation: 'import', counts };
    expect(await report(`${ALICE}\n${FILM}\n${ROOM}`)).toStrictEqual([
      { ...imported, replace: false },
    ]);
    expect(await report(`${ALICE}\n${FILM}\n${ROOM}`, { replace: true })).toStrictEqual([
      { ...imported, replace: true },
    ]);
  });

  it('is nothing for a dry run and for a file that is refused', async () => {
    expect(await report(ALICE, { dryRun: true })).toEqual([]);
    expect(await report(`${ALICE}\n{`)).toEqual([]);
  });
});

describe('an import that is given up', () => {
  it('ends before its next statement, and keeps nothing', async () => {
    const left = new AbortController();
    async function* lines() {
      yield Buffer.from(`${ALICE}\n`);
      left.abort(new Error('on purpose'));
      yield Buffer.from(`${FILM}\n`);
    }
    const work = importLines(lines(), { signal: left.signal });
    expect(await rejectionOf(work)).toMatchObject({ message: 'on purpose' });
    expect(await exported()).toEqual([]);
  });

  it('ends in the middle of a long line', async () => {
    const left = new AbortController();
    const ids = Array.from({ length: 2_000 }, (_, n) => `user-${n}`);
    const users = ids.map((id) => `{"type":"user","id":"${id}"}\n`).join('');
    const room = JSON.stringify({ type: 'room', id: 'room', memberIds: ids });
    let statements = 0;
    const counted: Database = {
      ...database,
      transaction: (work) =>
        database.transaction((session) =>
          work({
            ...session,
            async query(sql, values) {
              if (sql.includes('room_members') && ++statements === 5) left.abort();
              return session.query(sql, values);
            },
          }),
        ),
    };
    const work = importLines(chunks(users, room), { signal: left.signal }, counted);
    expect(await rejectionOf(work)).toMatchObject({ name: 'AbortError' });
    expect(statements).toBe(5);
  });
});

it('takes a line in pieces of a byte as fast as in one', async () => {
  const title = 'f'.repeat(499);
  const film = JSON.stringify({ type: 'video', id: 'film', title }).padEnd(300_000);
  async function* bytes() {
    for (const byte of Buffer.from(film)) yield Uint8Array.of(byte);
  }
  const lines = Array.fromAsync(splitLines(bytes(), () => expect.unreachable()));
  expect(String((await lines).flat())).toBe(film);
});

it.each([
  ['in one piece', 1],
  ['in many pieces', 1_000],
])('leaves out a line of more than 16 MiB, %s, and no other', async (_, count) => {
  const most = 16 * 1024 * 1024;
  const text = Buffer.from(`a\n${'b'.repeat(most + 1)}\n${'c'.repeat(most)}\nd`);
  const size = Math.ceil(text.length / count);
  async function* pieces() {
    for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size);
  }
  const tooLong: number[] = [];
  const lines = (
    await Array.fromAsync(splitLines(pieces(), (number) => tooLong.push(number)))
  ).flat();
  expect(lines.map(({ length }) => length)).toEqual([1, most, 1]);
  expect(tooLong).toEqual([2]);
});
