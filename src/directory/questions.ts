import type { AccessDirectory, AccessFacts, AccessRequest } from '../access/access.ts';

/** A request whose facts are asked for, and the promise that its answer settles. */
export type Question = PromiseWithResolvers<AccessFacts> & { request: AccessRequest };

/**
 * Collects the questions of one event-loop iteration and has them answered together.
 *
 * @param answer settles each of the questions; when it throws or rejects, those without an answer are rejected with
 *   its error
 */
export function createQuestionCollector(
  answer: (questions: readonly Question[]) => Promise<void> | undefined,
): AccessDirectory['facts'] {
  let questions: Question[] = [];

  function answerAll(): void {
    const asked = questions;
    questions = [];
    const rejectAll = (error: unknown) => {
      for (const { reject } of asked) reject(error);
    };
    try {
      answer(asked)?.catch(rejectAll);
    } catch (error) {
      rejectAll(error);
    }
  }

  return (request) => {
    const question = { request, ...Promise.withResolvers<AccessFacts>() };
    // Promise callbacks run before the next tick: by then the others of the batch have asked.
    if (questions.push(question) === 1) process.nextTick(answerAll);
    return question.promise;
  };
}
