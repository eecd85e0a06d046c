import { expect, it } from 'vitest';
import { commonMistakes, secretsCutAtHash } from '../../src/config/mistakes.ts';
import { FILE_VARIABLES, variables } from '../../src/config/variables.ts';

const LONG = 200_000;

function secondsOf(work: () => void): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}

it.each([
  'your_',
  'your a',
  'change',
  'characters of ',
  ' ',
  "'",
  '/a',
  'a.',
  '-',
  'http://a',
  ',',
])('looks for mistakes in linear time in a long value of %j', (part) => {
  const value = part.repeat(LONG / part.length);
  const names = [...Object.keys(variables), ...FILE_VARIABLES];
  const texts = Object.fromEntries(names.map((name) => [name, `${value}!`]));
  expect(secondsOf(() => commonMistakes(texts))).toBeLessThan(2);
});

it.each(['\n', ' ', 'export ', 'REDIS_URL=', 'REDIS_URL =\n'])(
  'looks for cut secrets in linear time in a long .env of %j',
  (part) => {
    const text = part.repeat(30_000);
    expect(secondsOf(() => secretsCutAtHash({}, text))).toBeLessThan(2);
  },
);

it.each(['your_secret', 'your-JWT-key', 'put your own secret here', 'your very long and good key'])(
  'takes %j for a placeholder',
  (text) => {
    expect(commonMistakes({ AUTH_JWT_SECRET: text })).toMatchObject([
      { variable: 'AUTH_JWT_SECRET', message: expect.stringContaining('placeholder') },
    ]);
  },
);
