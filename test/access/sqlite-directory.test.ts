import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AccessDirectory, AccessRequest } from '../../src/access/access.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { openSqliteFacts } from '../../src/directory/sqlite/facts.ts';
import { load } from '../support/directory.ts';
import { rejectionOf, thrownBy } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const USERS = Array.from({ length: 50 }, (_, n) => `user-${n}`);
const REQUEST: AccessRequest = {
  userId: 'user-0',
  roomId: 'room',
  videoId: 'film',
  country: undefined,
  requestId: 'request',
};
const UNAVAILABLE = { name: 'ServiceError', code: 'dependency_unavailable' };

let path: string;
let directory: ReturnType<typeof openSqliteFacts>;

beforeEach(async () => {
  const folder = temporaryFolder();
  path = join(folder.path, 'access.db');
  const database = await openSqliteDatabase(path);
  await load(
    database,
    USERS.map((id, n) => ({ type: 'user', id, status: n % 2 ? 'suspended' : 'active' })),
  );
  await database.close();
  directory = openSqliteFacts(path);
  onTestFinished(folder.remove);
});

const statusOf = async (from: AccessDirectory, userId: string) =>
  (await from.facts({ ...REQUEST, userId })).user?.status;

function suspend(userId: string): void {
  const other = new DatabaseSync(path);
  other.prepare(`UPDATE users SET status = 'suspended' WHERE id = ?`).run(userId);
  other.close();
}

describe('questions that are asked together', () => {
  it('get each its own answer', async () => {
    onTestFinished(directory.close);
    const answers = await Promise.all(USERS.map((id) => statusOf(directory, id)));
    expect(answers).toEqual(USERS.map((_, n) => (n % 2 ? 'suspended' : 'active')));
  });

  it('see what changed before the last of them was asked, all of them', async () => {
    onTestFinished(directory.close);
    const before = statusOf(directory, 'user-0');
    suspend('user-0');
    const after = statusOf(directory, 'user-0');
    expect(await Promise.all([before, after])).toEqual(['suspended', 'suspended']);
  });

  it('fail alone: one that cannot be asked leaves the others their answers', async () => {
    onTestFinished(directory.close);
    const wrong = rejectionOf(statusOf(directory, Symbol('no text') as unknown as string));
    const right = statusOf(directory, 'user-0');
    expect(await wrong).toMatchObject(UNAVAILABLE);
    expect(await right).toBe('active');
    // The snapshot that they were answered from has ended.
    suspend('user-0');
    expect(await statusOf(directory, 'user-0')).toBe('suspended');
  });

  it('see the present again after a transaction that could not be ended', async () => {
    onTestFinished(directory.close);
    const { exec } = DatabaseSync.prototype;
    const failing = vi.spyOn(DatabaseSync.prototype, 'exec');
    failing.mockImplementation(function (this: DatabaseSync, sql) {
      if (sql === 'COMMIT') throw new Error('on purpose');
      exec.call(this, sql);
    });
    const both = ['user-0', 'user-2'].map((id) => statusOf(directory, id));
    expect(await Promise.all(both)).toEqual(['active', 'active']);
    failing.mockRestore();
    suspend('user-0');
    expect(await statusOf(directory, 'user-0')).toBe('suspended');
  });

  it('are answered in one transaction', async () => {
    onTestFinished(directory.close);
    const statements = vi.spyOn(DatabaseSync.prototype, 'exec');
    onTestFinished(() => statements.mockRestore());
    for (let batch = 0; batch < 2; batch++) {
      statements.mockClear();
      await Promise.all(USERS.map((id) => statusOf(directory, id)));
      expect(statements.mock.calls).toEqual([['BEGIN'], ['COMMIT']]);
    }
  });

  it('need no transaction when there is one alone', async () => {
    onTestFinished(directory.close);
    const statements = vi.spyOn(DatabaseSync.prototype, 'exec');
    onTestFinished(() => statements.mockRestore());
    expect(await statusOf(directory, 'user-0')).toBe('active');
    expect(statements).not.toHaveBeenCalled();
  });

  it('are refused when the directory has closed before their answer', async () => {
    const waiting = USERS.map((id) => rejectionOf(statusOf(directory, id)));
    directory.close();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject(UNAVAILABLE);
  });
});

describe('the file of the directory', () => {
  it('is not made where there is none', () => {
    onTestFinished(directory.close);
    const missing = `${path}.missing`;
    expect(thrownBy(() => openSqliteFacts(missing))).toMatchObject(UNAVAILABLE);
    expect(existsSync(missing)).toBe(false);
  });

  it('is kept in memory up to 32 MB', () => {
    onTestFinished(directory.close);
    const opened = vi.spyOn(DatabaseSync.prototype, 'prepare');
    const another = openSqliteFacts(path);
    onTestFinished(another.close);
    const [connection] = opened.mock.contexts as DatabaseSync[];
    opened.mockRestore();
    const cache = connection?.prepare('PRAGMA cache_size').get();
    expect(cache).toEqual({ cache_size: -32_768 });
  });
});
