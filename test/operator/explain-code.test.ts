import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { explainCode } from '../../src/operator/explain-code.ts';
import { createTerminal } from '../../src/operator/terminal.ts';

const CLIENT = [
  'credential_unavailable',
  'network_error',
  'origin_not_allowed',
  'unexpected_reply',
];

it.each([...ERROR_CODES, 'aborted', ...CLIENT])(
  'explain says what the code %s means without a configuration',
  async (code) => {
    const lines: string[] = [];
    const print = (line = '') => void lines.push(line);
    const terminal = { ...createTerminal(process.stdout, process.stderr), print };
    expect(explainCode(code, { json: true, terminal })).toBe(true);
    const { look, detail } = JSON.parse(lines.join(''));
    expect(look).toMatch(/^[A-Z].{20,}\.$/);
    expect(look).not.toBe(detail);
  },
);

/** Every code of Express, Web and ZIM that a login with a token can end in. */
const ZEGO = [
  ...[1002005, 1002006, 1002007, 1002011, 1002012, 1002013, 1002033, 1002050, 1002055, 1002056],
  ...[1002066, 1002067, 1002074, 1002075, 1002076, 1002077, 1002078, 1002079, 1002080, 1002082],
  ...[1102016, 1102018, 20014, 50119],
  ...[6000003, 6000103, 6000106, 6000107, 6000108, 6000111, 6000121],
].map(String);

it.each(ZEGO)("explain says what ZEGO's code %s means, and where to look", (code) => {
  const lines: string[] = [];
  const print = (line = '') => void lines.push(line);
  const terminal = { ...createTerminal(process.stdout, process.stderr), print };
  expect(explainCode(code, { json: true, terminal })).toBe(true);
  const { means, look } = JSON.parse(lines.join(''));
  for (const sentence of [means, look]) expect(sentence).toMatch(/^[A-Z].{15,}[.)]$/);
  lines.length = 0;
  expect(explainCode(code, { json: false, terminal })).toBe(true);
  expect(lines.join('\n')).toContain(means.slice(0, 20));
});

it.each<[string, RegExp]>([
  ['1002099', /token-error-codes/],
  ['1103099', /live-streaming-web/],
  ['6000999', /zim/],
  ...['105', '206', '207', '5018', '5024', '50001', '50003', '50011', '50123', '50124'].map(
    (code): [string, RegExp] => [code, /api-reference\/return-codes/],
  ),
  ...['100000004', '100000005', '100000010', '100000017'].map((code): [string, RegExp] => [
    code,
    /api-reference\/return-codes/,
  ]),
  ['42', /no code 42/],
])('explain has a page of ZEGO for a code that it does not know: %s', (code, words) => {
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  const terminal = { ...createTerminal(process.stdout, process.stderr), note };
  expect(explainCode(code, { json: false, terminal })).toBe(false);
  expect(notes.join('')).toMatch(words);
});
