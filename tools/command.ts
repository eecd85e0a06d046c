import type { Command } from 'commander';
import { reportFailure } from '../src/operator/failure.ts';
import { HELP } from '../src/operator/help.ts';
import type { Terminal } from '../src/operator/terminal.ts';

/** Runs a command of a checkout, with the messages and exit codes of `zego-video-token`. */
export async function runCommand(
  command: Command,
  terminal: Terminal,
  own: NodeJS.Process,
): Promise<void> {
  command.configureHelp(HELP).showHelpAfterError().exitOverride();
  await command.parseAsync().catch((error) => {
    own.exitCode = reportFailure(error, own.env, terminal);
  });
}
