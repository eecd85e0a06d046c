import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createTerminal, table, verdict } from '../../src/operator/terminal.ts';

describe('the commands', () => {
  it('break lines at word ends on a narrow terminal', () => {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 20 });
    const terminal = createTerminal(stdout as never, process.stderr);
    const text = verdict(
      { ...terminal, style: (_style, text) => text },
      false,
      'a room that is closed since yesterday',
    );
    expect(text.split('\n')).toEqual(['✗ a room that is', '  closed since', '  yesterday']);
  });

  it('break errors and explanations at word ends on a narrow terminal, too', () => {
    const narrow = () => Object.assign(new PassThrough(), { isTTY: true, columns: 24 });
    const [stdout, stderr] = [narrow(), narrow()];
    const terminal = {
      ...createTerminal(stdout as never, stderr as never),
      style: (_style: unknown, text: string) => text,
    };
    terminal.note('PORT: another process listens there\nHOST: wrong');
    expect(stderr.read().toString().trimEnd().split('\n')).toEqual([
      'PORT: another process',
      '  listens there',
      'HOST: wrong',
    ]);
    const rows: [string, string][] = [
      ['code', 'video_ended'],
      ['what to do', 'choose another video of this room'],
    ];
    expect(table(terminal, rows).split('\n')).toEqual([
      '  code',
      '    video_ended',
      '  what to do',
      '    choose another',
      '      video of this',
      '      room',
    ]);
  });

  it('leave lines whole on a terminal that does not know its width', () => {
    const unsized = Object.assign(new PassThrough(), { isTTY: true, columns: 0 });
    const terminal = createTerminal(unsized as never, unsized as never);
    terminal.note('PORT: another process listens there');
    expect(unsized.read().toString()).toBe('PORT: another process listens there\n');
    expect(terminal.wrap('a room that is closed')).toBe('a room that is closed');
  });
});
