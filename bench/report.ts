import type { Summary } from './measure.ts';

export type Table = Record<string, Summary>;

export type Result = {
  machine: string;
  tables: Record<string, Table>;
  token04: Record<string, number> | undefined;
  startMs: Record<string, number>;
};

/** The result as Markdown: ratios first, as machines differ. */
export function render({ machine, tables, token04, startMs }: Result): string {
  const parts = Object.entries(tables).map(([title, rows]) => table(title, rows));
  if (token04) parts.push(times('token04', token04));
  return [machine, ...parts, list('From start to the first answer, ms', startMs), ''].join('\n\n');
}

function table(title: string, rows: Table): string {
  const hasOther = Object.values(rows).some(({ otherMicros }) => otherMicros > 0);
  const lines = Object.entries(rows).map(([name, summary]) => {
    const { ratio, cpuMicros, otherMicros, perSecond, p50, p99, p999 } = summary;
    const cells = [
      name,
      `**${ratio.median.toFixed(2)}**`,
      `${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}`,
      cpuMicros.toFixed(0),
      ...(hasOther ? [otherMicros.toFixed(0)] : []),
      perSecond.toFixed(0),
      ...[p50, p99, p999].map((ms) => ms.toFixed(1)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const heads = [
    ...['', 'CPU, first = 1', 'quartiles', 'CPU, µs'],
    ...(hasOther ? ['PostgreSQL, µs'] : []),
    ...['a second', 'p50, ms', 'p99, ms', 'p99.9, ms'],
  ];
  return [
    `### ${title}\n`,
    `| ${heads.join(' | ')} |`,
    `|${'---|'.repeat(heads.length)}`,
    ...lines,
  ].join('\n');
}

function times(title: string, rows: Record<string, number>): string {
  const base = Object.values(rows)[0] ?? 1;
  const lines = Object.entries(rows).map(
    ([name, micros]) => `| ${name} | **${(micros / base).toFixed(2)}** | ${micros.toFixed(2)} |`,
  );
  return [`### ${title}\n`, '| | first = 1 | µs |', '|---|---|---|', ...lines].join('\n');
}

function list(title: string, values: Record<string, number>): string {
  const items = Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(0)}`);
  return `${title}: ${items.join(', ')}`;
}
