import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { variables } from '../../src/config/variables.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { PROBLEM_TYPES } from '../../src/http/problems/table.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

it('.env.example explains every variable and no other', () => {
  const explained = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(
    ([, name]) => name as string,
  );
  const files = explained.filter((name) => name.endsWith('_FILE') && !(name in variables));
  const names = explained.filter((name) => !files.includes(name));
  expect(new Set(names)).toEqual(new Set(Object.keys(variables)));
});

it('.env.example.zh-CN has the variables of .env.example with the same values, in the same order', () => {
  const lines = (file: string) => read(file).match(/^#?[A-Z_]+=.*$/gm);
  expect(lines('.env.example.zh-CN')).toEqual(lines('.env.example'));
});

it.each(['docs/reference.md', 'docs/reference.zh-CN.md'])(
  '%s has every code with its status and action',
  (file) => {
    const text = read(file);
    for (const code of ERROR_CODES) {
      const { status, action } = PROBLEM_TYPES[code];
      expect(text).toContain(`| ${status} | \`${code}\` | \`${action}\` |`);
    }
  },
);

it('openapi.yaml has an example for every code', () => {
  const document = read('openapi.yaml');
  for (const code of ERROR_CODES)
    expect(document).toContain(`urn:zego-video-token:problem:${code}`);
});
