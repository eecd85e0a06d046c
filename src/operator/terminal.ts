import { stripVTControlCharacters, styleText } from 'node:util';
import { Help, type HelpConfiguration } from 'commander';
import { printable } from '../messages/printable.ts';

/** Do not wrap below this width: a terminal of unknown size reports 0. */
const MIN_COLUMNS = 20;

type Style = Parameters<typeof styleText>[0];

/** The output of a command; uses colours only on a terminal. */
export type Terminal = {
  /** Prints a line of the result to standard output. */
  print(line?: string): void;
  /** Prints messages to standard error, without control characters. */
  note(lines: string): void;
  /** Shows a progress line on a terminal; an empty text clears it. */
  progress(text: string): void;
  style(style: Style, text: string): string;
  /** Wraps a sentence at word boundaries on a terminal. */
  wrap(sentence: string, indent?: number): string;
};

export type Output = { json: boolean; terminal: Terminal };

export function createTerminal(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Terminal {
  const hasWidth = ({ isTTY, columns }: NodeJS.WriteStream) => isTTY && columns >= MIN_COLUMNS;
  return {
    print: (line = '') => void stdout.write(`${line}\n`),
    note(lines) {
      const plain = lines.split('\n').map(printable);
      const fitted = hasWidth(stderr) ? plain.map((line) => wrapAt(line, stderr.columns)) : plain;
      stderr.write(`${fitted.join('\n')}\n`);
    },
    progress: (text) => void (stderr.isTTY && stderr.write(`\r\x1b[K${text}`)),
    style: (style, text) => styleText(style, text, { stream: stdout }),
    wrap: (sentence, indent = 0) =>
      hasWidth(stdout)
        ? wrapAt(sentence, stdout.columns - indent).replace(/^/gm, ' '.repeat(indent))
        : sentence,
  };
}

/** Formats the result of a check with ✓ or ✗, or with ? for one that could not be made. */
export function verdict({ style, wrap }: Terminal, holds: boolean | null, text: string): string {
  if (holds === null) return wrap(`${style('dim', '?')} ${text}`);
  return wrap(`${holds ? style('green', '✓') : style('red', '✗')} ${text}`);
}

/** Indents continuation lines by two. */
function wrapAt(sentence: string, columns: number): string {
  let used = 0;
  let text = '';
  for (const word of sentence.split(' ')) {
    const { length } = stripVTControlCharacters(word);
    const fits = used + length < columns;
    if (text !== '') text += fits ? ' ' : '\n  ';
    used = fits || text === '' ? used + length + 1 : length + 3;
    text += word;
  }
  return text;
}

/** Formats names and values in two columns; prints long values below their names. */
export function table({ style, wrap }: Terminal, given: [name: string, value: string][]): string {
  const rows = given.map(([name, value]): [string, string] => [name, printable(value)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = ([name, value]: [string, string]) => {
    const beside = `  ${style('dim', name.padEnd(width))}  ${value}`;
    const fits = !wrap(`- ${value}`, width + 2).includes('\n');
    return fits ? beside : `  ${style('dim', name)}\n${wrap(value, 4)}`;
  };
  return rows.map(line).join('\n');
}

/** On narrower terminals, descriptions are printed below the names. */
const NARROW_COLUMNS = 70;
const INDENT = '      ';

/** Lists commands in order of definition and wraps descriptions to the terminal width. */
export const HELP: HelpConfiguration = {
  sortSubcommands: false,
  minWidthToWrap: 20,
  formatItem(term, termWidth, description, helper) {
    const { helpWidth = 80 } = helper;
    if (helpWidth >= NARROW_COLUMNS) {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const text = helper.boxWrap(description, helpWidth - INDENT.length);
    return `  ${term}\n${text.replace(/^/gm, INDENT)}`;
  },
};
