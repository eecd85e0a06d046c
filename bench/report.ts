import type { Summary } from './measure.ts';

type Table = Record<string, Summary>;

export type Result = {
  machine: string;
  token04: Record<string, number>;
  main: Table;
  algorithms: Table;
  modes: Table;
  growth: Table;
  connections: Table;
  memory: Record<string, number>;
  startMs: Record<string, number>;
};

/** The result as Markdown: ratios first, as machines differ. */
export function render(result: Result): string {
  const { machine, token04, main, algorithms, modes, growth, connections, memory, startMs } =
    result;
  return [
    machine,
    table('A request', main),
    table('By algorithm', algorithms),
    table('By access mode', modes),
    table('By rows', growth),
    table('By connections', connections),
    times('token04', token04),
    list('Resident memory of the service, MB', memory),
    list('From start to the first answer, ms', startMs),
    '',
  ].join('\n\n');
}

function table(title: string, rows: Table): string {
  const base = Object.values(rows)[0]?.cpuMicros ?? 1;
  const lines = Object.entries(rows).map(
    ([name, { cpuMicros, perSecond, p50, p99, p999, spread }]) => {
      const cells = [
        name,
        `**${(cpuMicros / base).toFixed(2)}**`,
        `±${(spread * 100).toFixed(0)} %`,
        cpuMicros.toFixed(0),
        perSecond.toFixed(0),
        ...[p50, p99, p999].map((ms) => ms.toFixed(1)),
      ];
      return `| ${cells.join(' | ')} |`;
    },
  );
  return [
    `### ${title}\n`,
    '| | CPU, first = 1 | spread | CPU, µs | a second | p50, ms | p99, ms | p99.9, ms |',
    '|---|---|---|---|---|---|---|---|',
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
