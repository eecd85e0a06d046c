import type { Command } from 'commander';
import { reportFailure } from '../src/operator/failure.ts';
import { HELP, type Terminal } from '../src/operator/terminal.ts';

/** Runs a development command with the messages and exit codes of `zego-video-token`. */
export async function runCommand(
  command: Command,
  terminal: Terminal,
  currentProcess: NodeJS.Process,
): Promise<void> {
  command.configureHelp(HELP).showHelpAfterError().exitOverride();
  await command.parseAsync().catch((error) => {
    currentProcess.exitCode = reportFailure(error, currentProcess.env, terminal);
  });
}
