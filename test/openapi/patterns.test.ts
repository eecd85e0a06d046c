import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { videoSchema } from '../../src/directory/entries.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../../src/identifiers.ts';
import { describeWith } from '../support/program.ts';

const DOCUMENTS = ['openapi.yaml', 'openapi.internal.yaml', 'openapi.backend.yaml'];

/** Every `pattern` of a document, each once. */
function patternsOf(file: string): string[] {
  const patterns = new Set<string>();
  const document = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  JSON.stringify(parse(document), (key, value) => {
    if (key === 'pattern' && typeof value === 'string') patterns.add(value);
    return value;
  });
  return [...patterns];
}

const PATTERNS = new Set(DOCUMENTS.flatMap(patternsOf));

it.each(DOCUMENTS)('%s has patterns', (file) => {
  expect(patternsOf(file)).not.toEqual([]);
});

describe.each([...PATTERNS])('the published pattern %s', (pattern) => {
  it.each(['', 'u', 'v'])('compiles in JavaScript with the flags "%s"', (flags) => {
    expect(() => new RegExp(pattern, flags)).not.toThrow();
  });

  it('has no property escape, which a generator may compile without the flag u', () => {
    expect(pattern).not.toMatch(/\\p/i);
  });
});

describeWith('python3', 'the published patterns in Python', () => {
  it('compile', () => {
    const program = 'import json, re, sys\nfor p in json.load(sys.stdin): re.compile(p)';
    const input = JSON.stringify([...PATTERNS]);
    expect(() => execFileSync('python3', ['-c', program], { input, stdio: 'pipe' })).not.toThrow();
  });
});

const title = videoSchema.shape.title;

describe.each([
  ['roomId', roomIdSchema, 1, 128],
  ['videoId', videoIdSchema, 1, 128],
  ['userId', userIdSchema, 1, 64],
  ['title', title, 0, 500],
] as const)('the schema of %s', (name, schema: z.ZodType, minimum, maximum) => {
  const pattern = new RegExp(publishedPattern(schema));
  const size = name === 'title' ? (text: string) => [...text].length : Buffer.byteLength;
  const unit = fc.oneof(
    fc.constantFrom('a', 'é', '影', '🎬', '\ud800', '\udc00'),
    fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  );
  const short = fc.string({ unit, maxLength: 4 });
  const repeated = fc.tuple(short, fc.integer({ min: 0, max: 150 })).map(([s, n]) => s.repeat(n));

  it('takes what the pattern and the bound on its size take, of valid Unicode', () => {
    fc.assert(
      fc.property(fc.oneof(short, repeated), (text) => {
        const published = pattern.test(text) && size(text) >= minimum && size(text) <= maximum;
        expect(schema.safeParse(text).success).toBe(published && text.isWellFormed());
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['Cinema', '客厅', 'a b', 'p{Cc}'])('takes %s', (text) => {
    expect(schema.safeParse(text).success).toBe(true);
  });

  it.each(['\0', 'a\n', '\x1f', '\x7f', '\x80', '\x9f', '\ud800', 'a\udc00'])(
    'refuses %j',
    (text) => {
      expect(schema.safeParse(text).success).toBe(false);
    },
  );
});

function publishedPattern(schema: z.ZodType): string {
  const json = JSON.stringify(schema.toJSONSchema({ io: 'input' }));
  const [pattern] = /"pattern":("(?:[^"\\]|\\.)*")/.exec(json)?.slice(1) ?? [];
  if (pattern === undefined) throw new Error('the schema has no pattern');
  return JSON.parse(pattern);
}
