import { expect, it } from 'vitest';
import { createCohort } from '../../src/http/cohort.ts';

it('takes what arrives in one turn of the event loop through each step together', async () => {
  const cohort = createCohort();
  const steps: string[] = [];
  const request = async (name: string) => {
    await cohort();
    steps.push(`${name} is counted`);
    await undefined;
    steps.push(`${name} is authenticated`);
  };
  await Promise.all(['a', 'b'].map(request));
  expect(steps).toEqual([
    'a is counted',
    'b is counted',
    'a is authenticated',
    'b is authenticated',
  ]);
});

it('lets nobody in who comes when the others have set out', async () => {
  const cohort = createCohort();
  const order: string[] = [];
  const first = cohort().then(async () => {
    const late = cohort().then(() => order.push('late'));
    await undefined;
    order.push('first');
    await late;
  });
  await first;
  expect(order).toEqual(['first', 'late']);
});
