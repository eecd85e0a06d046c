import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { explainCode } from '../../src/operator/explain-code.ts';
import { createTerminal } from '../../src/operator/terminal.ts';

it.each([...ERROR_CODES, 'aborted'])(
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
