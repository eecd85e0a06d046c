import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessDecision, AccessService } from '../../src/access/access.ts';
import type { AccessConfig } from '../../src/config/config.ts';
import type { Database } from '../../src/directory/database.ts';
import { type OpenedAccess, openAccess } from '../../src/open-access.ts';
import { chunks, load } from '../support/directory.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startPostgres } from '../support/postgres.ts';
import { type Release, releaseBefore } from '../support/release.ts';

type Bound = number | undefined;
type Country = string | undefined;
type Licence = { from?: Bound; until?: Bound; regions?: string[] | undefined };

const OPERATIONS = 10_000;
const FILMS = ['a', 'b', 'c'];
const SECONDS = 14;

/** The release before in this process: its service, and how it imports. */
type Older = { access: OpenedAccess; load(entries: readonly object[]): Promise<unknown> };

async function openOlder(release: Release, config: AccessConfig): Promise<Older> {
  const module = (file: string) => import(/* @vite-ignore */ join(release.server, '..', file));
  const { openAccess } = await module('access/open.ts');
  const { importDirectory } = await module('directory/transfer.ts');
  const access: OpenedAccess = await openAccess(config);
  const importLines = (entries: readonly object[]) =>
    importDirectory(access.database, chunks(entries.map((e) => `${JSON.stringify(e)}\n`).join('')));
  return { access, load: importLines };
}

/** The decision by trying every second. */
function expected(licences: readonly Licence[], country: Country, now: number): AccessDecision {
  const covering = licences.filter(
    ({ regions }) => !regions || (country !== undefined && regions.includes(country)),
  );
  const holdsAt = (at: number) =>
    covering.some(({ from, until }) => at >= (from ?? 0) && at < (until ?? Infinity));
  const seconds = Array.from({ length: 2 * SECONDS + 2 }, (_, i) => now + i);
  if (covering.length === 0) return { allow: false, code: 'region_not_allowed' };
  if (holdsAt(now)) {
    const notAfter = seconds.find((at) => !holdsAt(at));
    return notAfter === undefined ? { allow: true } : { allow: true, notAfter };
  }
  const availableFrom = seconds.find(holdsAt);
  if (availableFrom === undefined) return { allow: false, code: 'video_ended' };
  return { allow: false, code: 'video_not_started', availableFrom };
}

const regions = fc.option(fc.subarray(['SG', 'MY', 'TH']), { nil: undefined });
const time = (min: number, max: number) => fc.option(fc.integer({ min, max }), { nil: undefined });
const licence: fc.Arbitrary<Licence> = fc
  .record({ from: time(0, SECONDS - 1), length: time(1, SECONDS), regions })
  .map(({ from, length, regions }) => ({
    ...(from !== undefined && { from }),
    ...(length !== undefined && { until: (from ?? 0) + length }),
    ...(regions && { regions }),
  }));
const operation = fc.record({
  kind: fc.constantFrom('ask', 'ask', 'ask', 'licences', 'short', 'title', 'older', 'delete'),
  film: fc.constantFrom(...FILMS),
  country: fc.constantFrom('SG', 'MY', 'TH', 'US', undefined),
  now: fc.integer({ min: 0, max: SECONDS }),
  licences: fc.option(fc.array(licence, { maxLength: 4 })),
  one: licence,
});

const shortForm = ({ from, until, regions }: Licence) => ({
  availableFrom: from ?? null,
  availableUntil: until ?? null,
  regions: regions ?? null,
});
const endOf = (decision: AccessDecision) =>
  decision.allow ? (decision.notAfter ?? Infinity) : -Infinity;

describe.each([
  ['SQLite', undefined],
  ['PostgreSQL', startPostgres],
])('two releases beside each other over %s', (_name, start) => {
  const folder = temporaryFolder();
  let release: Release;
  let older: Older;
  let newer: OpenedAccess;
  let stop = async () => {};

  beforeAll(async () => {
    release = releaseBefore();
    let config: AccessConfig = { mode: 'sqlite', path: join(folder.path, 'access.db') };
    if (start) {
      const postgres = await start();
      stop = postgres.stop;
      config = { mode: 'postgres', url: await postgres.createDatabase('access') };
    }
    older = await openOlder(release, config);
    newer = await openAccess(config);
  });
  afterAll(async () => {
    await older.access.service.close();
    await newer.service.close();
    await stop();
    release.remove();
    folder.remove();
  });

  it('never give more than the licences do, and what either writes counts', async () => {
    const database = newer.database as Database;
    const room = { type: 'room', id: 'room', videoIds: FILMS, memberIds: ['alice'] };
    const given = new Map<string, readonly Licence[]>();
    const write = (film: string, fields: object) =>
      load(database, [{ type: 'video', id: film, ...fields }]);
    await load(database, [{ type: 'user', id: 'alice' }]);
    for (const film of FILMS) await write(film, {});
    await load(database, [room]);
    const ids = { userId: 'alice', roomId: 'room', requestId: 'request' };
    const ask = (service: AccessService, videoId: string, country: Country, now: number) =>
      service.check({ ...ids, videoId, country }, now);
    let allowed = 0;
    let byOlder = 0;

    for (const { kind, film, country, now, licences, one } of fc.sample(operation, OPERATIONS)) {
      if (kind === 'licences') {
        await write(film, { licences });
        given.set(film, licences ?? [{}]);
      } else if (kind === 'short') {
        await write(film, shortForm(one));
        given.set(film, [one]);
      } else if (kind === 'title') await write(film, { title: `at ${now}` });
      else if (kind === 'older') {
        await older.load([{ type: 'video', id: film, ...shortForm(one) }]);
        given.set(film, [one]);
      } else if (kind === 'delete') {
        await database.transaction(({ query }) => query(`DELETE FROM videos WHERE id = '${film}'`));
        await write(film, {});
        await load(database, [room]);
        given.set(film, [{}]);
      }
      const truth = expected(given.get(film) ?? [{}], country, now);
      expect(await ask(newer.service, film, country, now)).toEqual(truth);
      const old = await ask(older.access.service, film, country, now);
      expect(endOf(old)).toBeLessThanOrEqual(endOf(truth));
      if (truth.allow) allowed++;
      if (old.allow) byOlder++;
    }
    expect(byOlder).toBeGreaterThan(OPERATIONS / 10);
    expect(allowed).toBeGreaterThan(byOlder);
  });
});
