import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { EXIT_NO, exitOnOutputError } from '../src/operator/failure.ts';
import { createTerminal, type Terminal } from '../src/operator/terminal.ts';
import { runCommand } from './command.ts';
import { describeBackendApi, describeInternalApi, describePublicApi } from './openapi/documents.ts';

const DOCUMENTS = {
  'openapi.yaml': describePublicApi,
  'openapi.internal.yaml': describeInternalApi,
  'openapi.backend.yaml': describeBackendApi,
};

const terminal = createTerminal(process.stdout, process.stderr);
for (const stream of [process.stdout, process.stderr]) stream.on('error', exitOnOutputError);
const command = new Command('npm run openapi --')
  .description('write the OpenAPI documents from the route schemas')
  .option('--check', 'only say whether they are up to date')
  .action(async ({ check = false }) => {
    if (!(await writeDocuments(check, terminal))) process.exitCode = EXIT_NO;
  });
await runCommand(command, terminal, process);

/** Writes the documents, or with `check` only compares them; returns whether they are up to date. */
async function writeDocuments(check: boolean, { print, note }: Terminal): Promise<boolean> {
  let upToDate = true;
  for (const [file, describe] of Object.entries(DOCUMENTS)) {
    const text = stringify(await describe(), { lineWidth: 100, aliasDuplicateObjects: false });
    if (!check) {
      await writeFile(file, text);
      print(`Wrote ${file}.`);
    } else if ((await readFile(file, 'utf8')) !== text) {
      upToDate = false;
      note(`${file} differs from the route schemas: run npm run openapi.`);
    }
  }
  return upToDate;
}
