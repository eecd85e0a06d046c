import { expect, it } from 'vitest';
import type { AccessRequest } from '../../src/access/access.ts';
import { createQuestionCollector, type PendingRequest } from '../../src/directory/questions.ts';
import { rejectionOf } from '../support/errors.ts';

const NOTHING = { user: undefined, room: undefined, video: undefined };

const requestOf = (userId: string): AccessRequest => ({
  userId,
  roomId: 'room',
  videoId: 'film',
  country: undefined,
  requestId: userId,
});

/** A collector whose batches are answered as the test says, and the users of each batch. */
function collect(answer: (questions: readonly PendingRequest[]) => Promise<void> | undefined) {
  const batches: string[][] = [];
  const facts = createQuestionCollector((questions) => {
    batches.push(questions.map(({ request }) => request.userId));
    return answer(questions);
  });
  return { batches, ask: async (userId: string) => facts(requestOf(userId)) };
}

const answerAll = (questions: readonly PendingRequest[]): undefined => {
  for (const { request, resolve } of questions) {
    resolve({ ...NOTHING, user: { status: request.userId === 'bob' ? 'suspended' : 'active' } });
  }
};

it('answers the questions of one event-loop iteration together, each with its own answer', async () => {
  const { ask, batches } = collect(answerAll);
  const [alice, bob] = await Promise.all([ask('alice'), Promise.resolve('bob').then(ask)]);
  expect([alice?.user?.status, bob?.user?.status]).toEqual(['active', 'suspended']);
  await ask('carol');
  expect(batches).toEqual([['alice', 'bob'], ['carol']]);
});

it.each([
  [
    'throws',
    (error: Error) => {
      throw error;
    },
  ],
  ['rejects', (error: Error) => Promise.reject(error)],
])('rejects the questions without an answer when the answering %s', async (_, fail) => {
  const error = new Error('on purpose');
  const { ask } = collect(([first, ...others]) => {
    if (others.length === 0) return answerAll(first ? [first] : []);
    first?.resolve(NOTHING);
    return fail(error);
  });
  const answers = [ask('alice'), rejectionOf(ask('bob')), rejectionOf(ask('carol'))];
  expect(await Promise.all(answers)).toEqual([NOTHING, error, error]);
  expect((await ask('alice')).user?.status).toBe('active');
});
