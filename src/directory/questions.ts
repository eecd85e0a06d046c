import type { AccessDirectory, AccessFacts, AccessRequest } from '../access/access.ts';

/** A request for facts, and the functions that settle the promise for them. */
export type PendingRequest = Omit<PromiseWithResolvers<AccessFacts>, 'promise'> & {
  request: AccessRequest;
};

/**
 * Batches the questions of one event-loop iteration.
 *
 * @param answer settles each question; if it throws or rejects, the unsettled questions are rejected with its error
 */
export function createQuestionCollector(
  answer: (questions: readonly PendingRequest[]) => Promise<void> | undefined,
): AccessDirectory['facts'] {
  let questions: PendingRequest[] = [];

  function answerAll(): void {
    const batch = questions;
    questions = [];
    const rejectAll = (error: unknown) => {
      for (const { reject } of batch) reject(error);
    };
    try {
      answer(batch)?.catch(rejectAll);
    } catch (error) {
      rejectAll(error);
    }
  }

  return (request) =>
    new Promise((resolve, reject) => {
      // process.nextTick runs after the pending promise callbacks, which add the other questions of the batch.
      if (questions.push({ request, resolve, reject }) === 1) process.nextTick(answerAll);
    });
}
