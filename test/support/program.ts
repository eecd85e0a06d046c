import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe } from 'vitest';

/** Whether a program is installed. With CI=true it must be. */
function isInstalled(program: string): boolean {
  const found = spawnSync('which', [program]).status === 0;
  if (!found && process.env.CI === 'true') throw new Error(`${program} must be installed in CI`);
  return found;
}

/** A suite that needs a program, and says so where it is not installed. */
export function describeWith(program: string, name: string, suite: () => void): void {
  if (isInstalled(program)) describe(name, suite);
  else describe.skip(`${name} (needs ${program}, which is not installed)`, suite);
}

/** A program that listens on a port of loopback, started. */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: 'ignore' });
  await listening(port, child);
  return child;
}

export async function stopProgram(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** Resolves when somebody accepts on the port; rejects when the child ends before. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket: Socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
  }
  throw new Error(`the program ended with code ${child.exitCode}`);
}
