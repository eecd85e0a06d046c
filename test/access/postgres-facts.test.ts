import { setImmediate as nextIteration } from 'node:timers/promises';
import type pg from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { AccessRequest } from '../../src/access/access.ts';
import { createPostgresFacts } from '../../src/directory/postgres/facts.ts';
import { rejectionOf } from '../support/errors.ts';

type Query = { name: string; text: string; values: string[][]; rowMode: string };

const UNAVAILABLE = { name: 'ServiceError', code: 'dependency_unavailable' };

/** Facts over a pool that answers as the test says, and the queries that it got. */
function open(answer: (query: Query) => unknown) {
  const queries: Query[] = [];
  const query = async (asked: Query) => {
    queries.push(asked);
    return { rows: await answer(asked) };
  };
  const batches: number[] = [];
  const onBatch = (size: number) => void batches.push(size);
  const { facts } = createPostgresFacts({ query } as unknown as pg.Pool, onBatch);
  const ask = async (name: string) => facts(requestOf(name));
  return { ask, queries, batches };
}

function requestOf(name: string): AccessRequest {
  const ids = { userId: `user ${name}`, roomId: `room ${name}`, videoId: `video ${name}` };
  return { ...ids, country: undefined, requestId: name };
}

/** A row for each question: only users whose id ends with a letter are known. */
const rowsOf = ({ values: [users = []] }: Query) =>
  users.map((user, index) => rowOf(index + 1, /[a-z]$/.test(user) ? 'active' : null));

/** The row at a position, of a question about which the user's status alone is known. */
const rowOf = (position: number, status: string | null = null) => [
  position,
  status,
  ...Array(7).fill(null),
];

it('PostgreSQL is asked once for all questions of a batch, each gets its own answer', async () => {
  const { ask, queries } = open(rowsOf);
  const answers = await Promise.all(['a', '1', 'b'].map(ask));
  expect(answers.map(({ user }) => user?.status)).toEqual(['active', undefined, 'active']);
  expect(queries.map(({ rowMode }) => rowMode)).toEqual(['array']);
  expect(queries.map(({ values }) => values)).toEqual([
    [
      ['user a', 'user 1', 'user b'],
      ['room a', 'room 1', 'room b'],
      ['video a', 'video 1', 'video b'],
    ],
  ]);
});

it('PostgreSQL is asked again for the questions that come after a batch', async () => {
  const { ask, queries } = open(rowsOf);
  await ask('a');
  await ask('b');
  expect(queries.map(({ values: [users] }) => users)).toEqual([['user a'], ['user b']]);
});

it('reports how many questions each query to PostgreSQL answers', async () => {
  const { ask, batches } = open(rowsOf);
  await Promise.all(['a', 'b', 'c'].map(ask));
  await ask('d');
  expect(batches).toEqual([3, 1]);
});

it('PostgreSQL keeps the statement under a name that is that of its text', async () => {
  const { ask, queries } = open(rowsOf);
  await Promise.all(['a', 'b'].map(ask));
  await ask('c');
  const [first, second] = queries;
  expect(first?.name).toMatch(/^facts_[0-9a-f]{32}$/);
  expect([second?.name, second?.text]).toEqual([first?.name, first?.text]);
});

it.each<[string, (query: Query) => unknown]>([
  ['fewer rows than questions', (query) => rowsOf(query).slice(1)],
  ['no rows', () => []],
  ['more rows than questions', (query) => [...rowsOf(query), rowOf(3)]],
  ['rows in another order', (query) => rowsOf(query).reverse()],
  ['one row twice', () => [rowOf(1), rowOf(1)]],
])('PostgreSQL that answers with %s gives nobody an answer', async (_, answer) => {
  const { ask } = open(answer);
  for (const error of await Promise.all(['a', 'b'].map((name) => rejectionOf(ask(name))))) {
    expect(error).toMatchObject({
      ...UNAVAILABLE,
      cause: { message: expect.stringMatching(/rows/) },
    });
  }
});

it('PostgreSQL that fails gives nobody of the batch an answer, with the reason', async () => {
  const reason = new Error('terminated');
  const { ask } = open(() => Promise.reject(reason));
  for (const error of await Promise.all(['a', 'b'].map((name) => rejectionOf(ask(name))))) {
    expect(error).toMatchObject({ ...UNAVAILABLE, cause: reason });
  }
});

it('PostgreSQL that says nothing is given up after 1.5 s, for that batch alone', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const answered = Promise.withResolvers<unknown>();
  const { ask } = open((query) =>
    query.values[0]?.[0] === 'user a' ? answered.promise : rowsOf(query),
  );
  let isOver = false;
  const late = rejectionOf(ask('a')).finally(() => {
    isOver = true;
  });
  await nextIteration();
  expect((await ask('b')).user?.status).toBe('active');
  // The deadline of the answered batch is gone, the other one waits.
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(1_499);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await late).toMatchObject({ ...UNAVAILABLE, extras: { reason: { code: 'DEADLINE' } } });
});
