import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Every page that is there in Chinese, as the names of the English and the Chinese file. */
const PAIRS = execFileSync('git', ['ls-files', '*.zh-CN.md'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '')
  .map((file) => [file.replace('.zh-CN.md', '.md'), file] as const);

type Section = { level: number; anchor: string; text: string };
type Page = { sections: Section[]; blocks: { language: string; code: string }[] };

/** The anchor that GitHub gives to a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

function parse(markdown: string): Page {
  const blocks: Page['blocks'] = [];
  const prose = markdown.replace(/^( *)```(\w*)\n(.*?)^\1```$/gms, (_block, _indent, ...rest) => {
    blocks.push({ language: rest[0], code: rest[1] });
    return '';
  });
  const sections = prose.split(/^(?=#+ )/m).map((text) => {
    const [, marks = '', heading = ''] = /^(#+) (.*)\n/.exec(text) ?? [];
    return { level: marks.length, anchor: anchorOf(heading), text };
  });
  return { sections, blocks };
}

const SLASHES = /(^|\s+)\/\/\/? .*$|^ *\/\*\*[\s\S]*?\*\/$/gm;
const COMMENT: Readonly<Record<string, RegExp>> = {
  sh: /(^|\s+)# .*$/gm,
  sql: /(^|\s+)-- .*$/gm,
  ...{ js: SLASHES, ts: SLASHES, kotlin: SLASHES, swift: SLASHES, objc: SLASHES },
};

/** What both languages have in common: code without comments, and without words for people in `<…>` or a diagram. */
function essentials({ language, code }: Page['blocks'][number]): string[] {
  if (language === '') return code.match(/[A-Z][A-Z0-9_]{2,}|\/[a-z-]+|"[^"]*"|\d{3,}/g) ?? [];
  const bare = code.replace(COMMENT[language] ?? /$^/, '');
  return (language === 'http' ? bare.replace(/<.*>/g, '<>') : bare)
    .split('\n')
    .map((line) => line.trimEnd());
}

/** The code of a line that has words for people in it: what stands before them, calls, codes and inserted values. */
const aroundWords = (line: string) => [
  line.split(/['"`]/)[0],
  ...(line.match(/["'][a-z_]+["']|\w+\(|\$\{[\w.?]+|\\\([\w.?]+/g) ?? []),
];

/** What a translation keeps: variables, codes, commands and other code, and the paths of tests. */
function codeWords(text: string): string[] {
  const spans = [...text.matchAll(/(`+)(.+?)\1/gs)].map(([, , code]) => code as string);
  const tests = text.match(/\btest\/[\w./-]+\.ts\b/g) ?? [];
  const names = text.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g) ?? [];
  return [...new Set([...spans, ...tests, ...names])].sort();
}

const rowsOf = (text: string) => text.match(/^\|.*\|$/gm) ?? [];
const cellsOf = (row: string) => row.split(/(?<!\\)\|/).length - 2;
const itemsOf = (text: string) => text.match(/^ *(-|\d+\.) /gm) ?? [];

const linksOf = (text: string) =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);

/** The file of the repository that a link of a page leads to, and the anchor there; undefined outside of it. */
function resolve(page: string, link: string) {
  if (/^\w+:/.test(link)) return undefined;
  const [path = '', anchor = ''] = link.split('#');
  return { file: path === '' ? page : join(dirname(page), path), anchor };
}

const inChinese = (file: string) =>
  [file.replace(/\.md$/, '.zh-CN.md'), `${file}.zh-CN`].find(
    (name) => name !== file && existsSync(join(ROOT, name)),
  ) ?? file;

const anchorsOf = (file: string) => parse(read(file)).sections.map(({ anchor }) => anchor);

/** Where a link of an English page must lead in the Chinese one. */
function translated(page: string, link: string): string {
  const target = resolve(page, link);
  if (target === undefined) return link;
  const file = inChinese(target.file);
  const place = file === target.file ? -1 : anchorsOf(target.file).indexOf(target.anchor);
  return `${file}#${place > 0 ? anchorsOf(file)[place] : target.anchor}`;
}

const written = (page: string, link: string) => {
  const target = resolve(page, link);
  return target === undefined ? link : `${target.file}#${target.anchor}`;
};

describe.each(PAIRS)('%s and %s', (english, chinese) => {
  const one = parse(read(english));
  const other = parse(read(chinese));
  /** Pairs of sections, without the lines that switch the language and the notes for readers in China alone. */
  const sections = one.sections.map(({ text }, index) => {
    const theirs = other.sections[index]?.text ?? '';
    const apart = /^\[(English|简体中文)\].*$|^>.*$/gm;
    return [text.replace(apart, ''), theirs.replace(apart, '')] as const;
  });

  it('lead to each other in their third line', () => {
    const thirdLine = (file: string) => read(file).split('\n')[2];
    expect(thirdLine(english)).toMatch(new RegExp(`^\\[简体中文\\]\\(${basename(chinese)}\\)`));
    expect(thirdLine(chinese)).toMatch(
      new RegExp(`^\\[English\\]\\(${basename(english)}\\) · 简体中文`),
    );
  });

  it('have the same levels of headings in the same order', () => {
    const levels = (page: Page) => page.sections.map(({ level }) => level);
    expect(levels(other)).toEqual(levels(one));
  });

  it('have the same code blocks', () => {
    const linesOf = ({ blocks }: Page) =>
      blocks.flatMap((block) => [`\`\`\`${block.language}`, ...essentials(block)]);
    const [ours, theirs] = [linesOf(one), linesOf(other)];
    const compared = (line: string, index: number) =>
      /\p{Script=Han}/u.test(theirs[index] ?? '') ? aroundWords(line) : line;
    expect(theirs.map(compared)).toEqual(ours.map(compared));
  });

  it('name the same variables, codes and commands in each section', () => {
    for (const [ours, theirs] of sections) expect(codeWords(theirs)).toEqual(codeWords(ours));
  });

  it('have the same tables and lists', () => {
    for (const [ours, theirs] of sections) {
      expect(rowsOf(theirs).map(cellsOf)).toEqual(rowsOf(ours).map(cellsOf));
      expect(rowsOf(theirs).map(codeWords)).toEqual(rowsOf(ours).map(codeWords));
      expect(itemsOf(theirs)).toEqual(itemsOf(ours));
    }
  });

  it('have the same links, to Chinese pages where there are some', () => {
    for (const [ours, theirs] of sections) {
      // ZEGO has other addresses in China.
      const inside = (links: string[]) => new Set(links.filter((link) => !/^https:/.test(link)));
      const wanted = inside(linksOf(ours).map((link) => translated(english, link)));
      expect(inside(linksOf(theirs).map((link) => written(chinese, link)))).toEqual(wanted);
    }
  });
});
