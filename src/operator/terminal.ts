import { stripVTControlCharacters, styleText } from 'node:util';
import { printable } from '../messages/printable.ts';

/** A terminal without a size says 0; each word would have a line of its own. */
const MIN_COLUMNS = 20;

type Style = Parameters<typeof styleText>[0];

/** Where a command writes; colours only where a person reads. */
export type Terminal = {
  /** A line of the result, on standard output. */
  print(line?: string): void;
  /** Lines beside the result, on standard error, without what would steer the terminal. */
  note(lines: string): void;
  /** Replaces the line below by `text` while a person watches; an empty text takes it away. */
  progress(text: string): void;
  style(style: Style, text: string): string;
  /** A sentence over several lines where a person's terminal is narrow, broken at word ends. */
  wrap(sentence: string, indent?: number): string;
};

/** How a command shows its result. */
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

/** A mark and a sentence: ✓ what holds, ✗ what does not. */
export function verdict({ style, wrap }: Terminal, holds: boolean, text: string): string {
  return wrap(`${holds ? style('green', '✓') : style('red', '✗')} ${text}`);
}

/** Lines below the first are indented by two. */
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

/** Names and values in two columns; a value that does not fit goes below its name, broken at word ends. */
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
