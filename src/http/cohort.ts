import { setImmediate } from 'node:timers/promises';

/**
 * Resolves once for all requests of this turn of the event loop, when everything that has arrived is read.
 *
 * From there they go through each step side by side, and the second finds the step's code and data in
 * the processor's caches: cohort scheduling (Larus and Parkes, USENIX ATC 2002). Under load this halves
 * the price of a request; one that is alone waits for an empty turn.
 */
export type Cohort = () => Promise<void>;

export function createCohort(): Cohort {
  let gathering: Promise<void> | undefined;
  return () => {
    gathering ??= setImmediate().then(() => {
      gathering = undefined;
    });
    return gathering;
  };
}
