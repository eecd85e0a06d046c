import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, it } from 'vitest';
import { APP_ID, SERVER_SECRET } from '../support/app.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const path = join(folder.path, 'access.db');
const environment: Record<string, string> = {
  ACCESS_SQLITE_PATH: path,
  ZEGO_APP_ID: String(APP_ID),
  ZEGO_SERVER_SECRET: SERVER_SECRET,
};
const IDS = ['--user', 'alice', '--room', 'room', '--video', 'film'];

async function importLines(...lines: object[]): Promise<void> {
  const file = join(folder.path, 'lines.ndjson');
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  expect((await cli(['directory', 'import', file], { env: environment })).code).toBe(0);
}

it('the commands leave their entries, and explain --at answers by them', async () => {
  await importLines(
    { type: 'user', id: 'alice' },
    { type: 'video', id: 'film' },
    { type: 'room', id: 'room', memberIds: ['alice'], videoIds: ['film'] },
  );
  const before = new Date().toISOString();
  await importLines({ type: 'video', id: 'film', status: 'withdrawn' });
  expect((await cli(['explain', ...IDS], { env: environment })).stdout).toContain(
    'video_not_allowed',
  );
  const past = await cli(['explain', ...IDS, '--at', before], { env: environment });
  expect(past.stdout).toContain('A token would be issued.');
  const unknown = await cli(['explain', ...IDS, '--at', '2020-01-01T00:00:00Z'], {
    env: environment,
  });
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringContaining('before the first change'),
  ]);

  const room = ['--user', 'alice', '--room', 'room', '--room-token', '--publish'];
  for (const args of [IDS, room, ['--user', 'alice', '--basic-token']]) {
    expect((await cli(['mint', ...args], { env: environment })).stdout).toMatch(/^04/);
  }
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare(`SELECT actor, type, entry_id, room_id, after FROM changes`).all();
  database.close();
  const actors = new Set(rows.map(({ actor }) => String(actor).split(':')[0]));
  expect([...actors]).toEqual(['cli']);
  expect(rows.filter(({ type }) => type === 'token')).toMatchObject([
    { entry_id: 'alice', room_id: 'room', after: expect.stringContaining('"videoId":"film"') },
    { entry_id: 'alice', room_id: 'room', after: expect.stringContaining('"publish":true') },
    { entry_id: 'alice', room_id: null },
  ]);
});
