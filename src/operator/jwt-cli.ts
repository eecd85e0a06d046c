import { type Command, Option } from 'commander';
import { loadAuth } from '../config/config.ts';
import type { Environment, ReadFile } from '../config/environment.ts';
import { unixSeconds } from '../time.ts';
import type { Terminal } from './terminal.ts';

/** Replaces the normal operation of a command. */
export const JWT_OPTION = new Option(
  '--jwt <file>',
  'alone: walk through the JWT in a file, or - for standard input',
);

type Context = {
  environment: Environment;
  readFile: ReadFile;
  /** The text of `.env`, once it has been read. */
  dotenv(): string;
  terminal: Terminal;
};

/** Prints whether the service would accept a JWT, claim by claim; returns the exit code. */
export async function runExplainJwt(file: string, context: Context, json: boolean) {
  const { explainJwt } = await import('./jwt.ts');
  const { environment, readFile, dotenv, terminal } = context;
  const given = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const source = {
    environment: Object.fromEntries(given),
    load: (settings: Environment) => loadAuth({ ...environment, ...settings }, readFile, dotenv()),
  };
  return explainJwt(file, source, unixSeconds(), { json, terminal });
}

export function addUserIdCommand(
  program: Command,
  { environment, readFile, dotenv, terminal }: Context,
): void {
  program
    .command('user-id')
    .description('print the user id for an issuer and a subject')
    .argument('<issuer>', 'the claim iss of their JWT')
    .argument('<subject>', 'the user claim of their JWT')
    .option('--json', 'print JSON')
    .action(async (issuer, subject, { json = false }) => {
      const { printUserId } = await import('./jwt.ts');
      const auth = loadAuth(environment, readFile, dotenv());
      printUserId(issuer, subject, auth, { json, terminal });
    });
}
