import { join } from 'node:path';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { NOW } from './clock.ts';
import { load } from './directory.ts';

/** A directory with one example of everything that the rules tell apart. */
const ENTRIES = [
  { type: 'user', id: 'alice' },
  { type: 'user', id: 'bob' },
  { type: 'user', id: 'sam', status: 'suspended' },
  { type: 'video', id: 'film' },
  { type: 'video', id: 'film_sg', regions: ['SG', 'MY'] },
  { type: 'video', id: 'film_later', availableFrom: 4_102_444_800 },
  { type: 'video', id: 'film_over', availableUntil: NOW - 1 },
  { type: 'video', id: 'film_ends_in_600', availableUntil: NOW + 600 },
  { type: 'video', id: 'film_ends_in_9', availableUntil: NOW + 9 },
  { type: 'video', id: 'film_ends_in_10', availableUntil: NOW + 10 },
  { type: 'video', id: 'withdrawn', status: 'withdrawn' },
  { type: 'video', id: 'elsewhere' },
  {
    type: 'room',
    id: 'room',
    videoIds: [
      'film',
      'film_sg',
      'film_later',
      'film_over',
      'film_ends_in_600',
      'film_ends_in_9',
      'film_ends_in_10',
      'withdrawn',
    ],
    memberIds: ['alice', 'sam'],
  },
  { type: 'room', id: 'room_closed', status: 'closed', videoIds: ['film'], memberIds: ['alice'] },
  { type: 'room', id: 'room_foreign', videoIds: ['film', 'elsewhere'], memberIds: ['bob'] },
];

/** Writes the sample into a SQLite file in `folder`, with what a test adds, and returns its path. */
export async function writeSample(folder: string, more: readonly object[] = []): Promise<string> {
  const path = join(folder, 'access.db');
  const database = await openSqliteDatabase(path);
  await load(database, [...ENTRIES, ...more]);
  await database.close();
  return path;
}
