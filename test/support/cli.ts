import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What the name `zego-video-token` stands for; unlike cli.ts it reads the sources from the compile cache. */
const CLI = fileURLToPath(new URL('../../src/start.js', import.meta.url));

export type CliResult = { code: number; stdout: string; stderr: string };

/** Runs a command as a person at a terminal would, but for the colours. */
export async function cli(
  args: readonly string[],
  {
    env = {},
    cwd,
    input = '',
    program = CLI,
  }: {
    env?: Record<string, string>;
    cwd?: string;
    input?: string | Uint8Array;
    program?: string;
  } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
  });
  // A command that has seen enough leaves the rest unread.
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, stdout, stderr };
}
