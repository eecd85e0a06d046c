import { PassThrough } from 'node:stream';
import { reportFailure } from '../../src/operator/failure.ts';
import { createTerminal, type Terminal } from '../../src/operator/terminal.ts';
import type { CliResult } from './cli.ts';

/**
 * Runs what a command calls, in this process, with a terminal that nobody watches. It fails as cli.ts does.
 *
 * @param work what the command calls; returns its exit code, or nothing for 0
 */
export async function runCommand(
  work: (terminal: Terminal) => Promise<unknown>,
  environment: Record<string, string> = {},
): Promise<CliResult> {
  const [stdout, stderr] = [record(), record()];
  const terminal = createTerminal(stdout.stream, stderr.stream);
  const code = await work(terminal).catch((error) => reportFailure(error, environment, terminal));
  return {
    code: typeof code === 'number' ? code : 0,
    stdout: stdout.text(),
    stderr: stderr.text(),
  };
}

function record(): { stream: NodeJS.WriteStream; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough().on('data', (chunk) => chunks.push(chunk));
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    text: () => Buffer.concat(chunks).toString(),
  };
}
