import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { causeOf, describeCause } from '../messages/causes.ts';
import type { Row } from './report-format.ts';

/** Size of the cache of row ids: enough for one day of a large catalogue. */
const MAX_CACHED_ROWS = 50_000;

/** Duration buckets start at 10 µs; each is 10 % wider than the previous one. */
const BUCKET_GROWTH = 1.1;
const SHORTEST_MS = 0.01;
const BUCKETS = 160;

/** One decision of the audit log. */
export type Decision = {
  day: string;
  video: string;
  territory: string;
  outcome: 'issued' | 'denied' | 'failed';
  /** The deny code. */
  code: string;
  user: string | undefined;
  durationMs: number;
};

/** Aggregates decisions with SQL. */
export type DecisionStore = {
  add(decision: Decision): void;
  /** Aggregates by day, film and territory, sorted; the result can be iterated more than once. */
  rows(): Iterable<Row>;
};

/** User ids are stored as text: mapping each to an integer takes 1.7 times as long. */
const TABLES = `
  CREATE TEMP TABLE report_row (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    video TEXT NOT NULL,
    territory TEXT NOT NULL,
    UNIQUE (day, video, territory)
  );
  CREATE TEMP TABLE decision (
    row INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    denied TEXT,
    user TEXT
  );
  CREATE TEMP TABLE tally (
    row INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    denied TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (row, bucket, outcome, denied)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE audience (row INTEGER PRIMARY KEY, users INTEGER NOT NULL);
`;

const OUTCOMES = { issued: 0, denied: 1, failed: 2 };

const ROW_ID = `
  INSERT INTO report_row (day, video, territory) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET day = excluded.day
  RETURNING id
`;

/**
 * One sort for the counts, one for the users. GROUP BY row, user uses an external sort; COUNT(DISTINCT user) does
 * not, and takes four times as long with ten million users in a row.
 */
const SUM_UP = `
  INSERT INTO tally
  SELECT row, bucket, outcome, coalesce(denied, ''), COUNT(*) FROM decision GROUP BY 1, 2, 3, 4;
  INSERT INTO audience
  SELECT row, COUNT(*)
  FROM (SELECT row FROM decision WHERE user IS NOT NULL GROUP BY row, user)
  GROUP BY row;
`;

/** A quantile is the first bucket whose cumulative count reaches it. */
const ROWS = `
  WITH running AS (
    SELECT row, bucket, outcome, count,
      SUM(count) OVER (PARTITION BY row ORDER BY bucket) AS up_to,
      SUM(count) OVER (PARTITION BY row) AS total
    FROM tally
  ),
  summary AS MATERIALIZED (
    SELECT row,
      SUM(count) FILTER (WHERE outcome = ${OUTCOMES.issued}) AS issued,
      SUM(count) FILTER (WHERE outcome = ${OUTCOMES.failed}) AS failed,
      MIN(bucket) FILTER (WHERE up_to >= total * 0.5) AS p50,
      MIN(bucket) FILTER (WHERE up_to >= total * 0.99) AS p99
    FROM running
    GROUP BY row
  )
  SELECT day, video, territory, p50, p99,
    coalesce(issued, 0) AS issued,
    coalesce(failed, 0) AS failed,
    coalesce(users, 0) AS users,
    (
      SELECT json_group_object(denied, count)
      FROM (
        SELECT denied, SUM(count) AS count FROM tally
        WHERE tally.row = report_row.id AND outcome = ${OUTCOMES.denied}
        GROUP BY denied
        ORDER BY denied
      )
    ) AS denied
  FROM report_row
  JOIN summary ON summary.row = report_row.id
  LEFT JOIN audience ON audience.row = report_row.id
  ORDER BY day, video, territory
`;

type SqlRow = Omit<Row, 'denied' | 'p50Ms' | 'p99Ms'> & {
  denied: string;
  p50: number;
  p99: number;
};

/** Stores decisions in temporary tables, so that memory usage is constant. */
export function createDecisionStore({ db, attempt }: TemporaryDatabase): DecisionStore {
  db.exec(TABLES);
  const insert = db.prepare('INSERT INTO decision VALUES (?, ?, ?, ?, ?)');
  const rowId = createRowIds(db.prepare(ROW_ID));
  return {
    add({ day, video, territory, outcome, code, user, durationMs }) {
      const denied = outcome === 'denied' ? code : null;
      const viewer = outcome === 'issued' && user !== undefined ? user : null;
      attempt(() => {
        const row = rowId(day, video, territory);
        insert.run(row, OUTCOMES[outcome], toBucket(durationMs), denied, viewer);
      });
    },
    rows() {
      attempt(() => db.exec(SUM_UP));
      const select = db.prepare(ROWS);
      return {
        *[Symbol.iterator]() {
          const found = select.iterate();
          for (;;) {
            const { done, value } = attempt(() => found.next());
            if (done) return;
            yield toRow(value as unknown as SqlRow);
          }
        },
      };
    },
  };
}

/** Finds or creates the id of a report row. */
function createRowIds(statement: StatementSync) {
  const cache = new Map<string, number>();
  return (day: string, video: string, territory: string): number => {
    const key = `${day}\t${video}\t${territory}`;
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    if (cache.size >= MAX_CACHED_ROWS) cache.clear();
    const { id } = statement.get(day, video, territory) as { id: number };
    cache.set(key, id);
    return id;
  };
}

function toRow({ denied, p50, p99, ...row }: SqlRow): Row {
  const { day, video, territory, issued, failed, users } = row;
  const [p50Ms, p99Ms] = [toMs(p50), toMs(p99)];
  return { day, video, territory, issued, denied: JSON.parse(denied), failed, users, p50Ms, p99Ms };
}

function toBucket(durationMs: number): number {
  const bucket = Math.floor(Math.log(durationMs / SHORTEST_MS) / Math.log(BUCKET_GROWTH));
  return Math.max(0, Math.min(BUCKETS - 1, bucket || 0));
}

function toMs(bucket: number): number {
  return Number((SHORTEST_MS * BUCKET_GROWTH ** (bucket + 0.5)).toPrecision(2));
}

/** A database for intermediate results, whose `TEMP` tables are on disk. */
export type TemporaryDatabase = {
  db: DatabaseSync;
  /** Runs `work`; errors name the folder. */
  attempt<T>(work: () => T): T;
};

/**
 * Opens a database that uses about 50 MB of memory. SQLite creates its temporary files with mode 0600 and a random
 * name, and unlinks them immediately, so that none remains after a crash. One transaction stays open.
 *
 * @param onMemory called with the cause when `folder` is not writable and the data stays in memory
 */
export function openTemporaryDatabase(
  folder: string,
  onMemory: (cause: string) => void,
): TemporaryDatabase {
  const cause = unwritable(folder);
  const db = new DatabaseSync(':memory:');
  if (cause === undefined) {
    db.exec(`PRAGMA temp_store_directory = ${quoted(folder)}; PRAGMA temp_store = FILE`);
  } else {
    db.exec('PRAGMA temp_store = MEMORY');
    onMemory(cause);
  }
  // A sort uses as much memory as the cache of `main`.
  db.exec(`PRAGMA main.cache_size = -16000; PRAGMA temp.cache_size = -32000;
    PRAGMA temp.journal_mode = OFF; PRAGMA temp.synchronous = OFF; BEGIN`);
  return {
    db,
    attempt(work) {
      try {
        return work();
      } catch (error) {
        const where = cause === undefined ? folder : 'the memory';
        throw new Error(`${where}: cannot be written; ${describeCause(causeOf(error))}`);
      }
    },
  };
}

/** Why a folder is not writable. SQLite ignores the permission model of Node.js. */
function unwritable(folder: string): string | undefined {
  try {
    rmdirSync(mkdtempSync(join(folder, 'zego-video-token-')));
    return undefined;
  } catch (error) {
    return describeCause(causeOf(error));
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
