import { userInfo } from 'node:os';
import { pipeline } from 'node:stream/promises';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config/problems.ts';
import type { Database } from '../directory/database.ts';
import { listEntries } from '../directory/search.ts';
import { type Author, cliAuthor, createStore } from '../directory/store.ts';
import {
  exportDirectory,
  ImportError,
  type ImportOptions,
  importDirectory,
} from '../directory/transfer.ts';
import { createRefusedIds } from '../directory/zego-ids.ts';
import { printable, printableJson } from '../messages/printable.ts';
import type { OpenedAccess } from '../open-access.ts';
import { readInput } from './input.ts';
import type { Output, Terminal } from './terminal.ts';

const PROGRESS_LINES = 10_000;

export type WithAccess = (
  readOnly: boolean,
  work: (access: OpenedAccess) => Promise<void>,
) => Promise<void>;

type ImportFlags = {
  json: boolean;
  dryRun: boolean;
  replace: boolean;
  restore: boolean;
  allowEmpty: boolean;
};

const NO_FLAGS: ImportFlags = {
  json: false,
  dryRun: false,
  replace: false,
  restore: false,
  allowEmpty: false,
};

const KINDS = { users: 'user', rooms: 'room', videos: 'video' } as const;
const DEFAULT_LIMIT = 100;

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError('must be a number from 1 to 1,000');
}

function lineOf(entry: { id: string; status: string; name?: unknown; title?: unknown }): string {
  const name = entry.name ?? entry.title;
  return [entry.id, entry.status, ...(name == null ? [] : [String(name)])].join('  ');
}

function addFind(directory: Command, withAccess: WithAccess, terminal: Terminal): void {
  directory
    .command('find')
    .description('find users, rooms or videos by id, name or title')
    .addArgument(new Argument('<kind>', 'what to find').choices(Object.keys(KINDS)))
    .argument('[words...]', 'all of them are found: in the name or title, or the id begins so')
    .option('--limit <number>', 'how many at most', parseLimit, DEFAULT_LIMIT)
    .option('--after <id>', 'go on behind this id')
    .option('--json', 'print JSON, one entry a line')
    .action((kind: keyof typeof KINDS, words: string[], { limit, after, json = false }) =>
      withAccess(true, async (access) => {
        const query = { q: words.join(' '), limit, after };
        const page = await listEntries(databaseOf(access), KINDS[kind], query);
        for (const entry of page.entries) {
          terminal.print(json ? printableJson(entry) : printable(lineOf(entry)));
        }
        if (page.next !== null) {
          terminal.note(printable(`There are more: --after ${JSON.stringify(page.next)}`));
        }
      }),
    );
}

/** Adds the commands of `directory`. */
export function addDirectoryCommands(
  program: Command,
  withAccess: WithAccess,
  terminal: Terminal,
): void {
  const directory = program
    .command('directory')
    .description('import and export the directory as NDJSON, find entries, forget deleted users');
  directory
    .command('import')
    .description(
      'import users, videos and rooms in one transaction; entries that the file does not name are kept',
    )
    .argument('<file>', 'an NDJSON file, or - for standard input')
    .option('--dry-run', 'check every line without changing anything')
    .option('--replace', 'delete entries that the file does not name')
    .option('--restore', 'accept exports of older releases; invalid values cause warnings')
    .option('--allow-empty', 'accept a file without entries')
    .option('--json', 'print JSON')
    .action((file, options) =>
      withAccess(false, (access) =>
        importFile(access, file, { ...NO_FLAGS, ...options, terminal }),
      ),
    );
  directory
    .command('forget')
    .description('delete what the changes say about a user who was deleted')
    .argument('<user>', 'the id of the user')
    .action((user) =>
      withAccess(false, async (access) => {
        const count = await createStore(databaseOf(access)).forgetUser(user);
        if (count === undefined) {
          throw new Error(printable(`${user} is in the directory; delete the user first.`));
        }
        terminal.print(printable(`Deleted ${count} changes of ${user}.`));
      }),
    );
  addFind(directory, withAccess, terminal);
  directory
    .command('export')
    .description('write the directory to standard output')
    .action(() => withAccess(true, (access) => exportTo(databaseOf(access), process.stdout)));
}

/** @throws {ConfigError} in a mode without a directory */
export function databaseOf({ database }: OpenedAccess): Database {
  if (database) return database;
  const message = 'has no directory; sqlite and postgres have one';
  throw new ConfigError([{ variable: 'ACCESS_MODE', message }]);
}

async function importFile(
  access: OpenedAccess,
  file: string,
  { json, dryRun, replace, restore, allowEmpty, terminal }: ImportFlags & Output,
): Promise<void> {
  const refused = createRefusedIds();
  const options: ImportOptions = {
    author: authorOfCommand(),
    dryRun,
    onEntry: refused.check,
    replace,
    allowEmpty,
    onLine(line) {
      if (line % PROGRESS_LINES === 0) terminal.progress(`${line.toLocaleString('en')} lines`);
    },
    ...(restore && {
      onWarning: ({ line, message }) =>
        terminal.note(printable(`warning: line ${line}: ${message}`)),
    }),
  };
  const { user, video, room } = await importDirectory(
    createStore(databaseOf(access), () => {}, access.takesNames),
    readInput(file),
    options,
  ).catch((error) => listLines(error, replace));
  terminal.progress('');
  const warning = refused.summary();
  if (warning) terminal.note(`warning: ${warning}`);
  const counts = `${user} users, ${video} videos and ${room} rooms`;
  const rest = replace ? 'deleted' : 'kept';
  terminal.print(
    json
      ? printableJson({ users: user, videos: video, rooms: room })
      : terminal.wrap(
          `${dryRun ? 'Would import' : 'Imported'} ${counts}; entries that the file does not name are ${rest}.`,
        ),
  );
}

/** The user of the operating system; the uid if it has no name, as in a container. */
export function authorOfCommand(readUser: () => { username: string } = userInfo): Author {
  try {
    return cliAuthor(readUser().username);
  } catch {
    return cliAuthor(String(process.getuid?.() ?? 'unknown'));
  }
}

/** Throws one error that lists all invalid lines. */
function listLines(error: unknown, replace: boolean): never {
  if (!(error instanceof ImportError)) throw error;
  const lines = error.problems.map(({ line, message }) => printable(`line ${line}: ${message}`));
  if (lines.length === 0) {
    const rest = replace
      ? 'and --replace would delete everything'
      : 'so nothing would change; add --allow-empty if that is intended';
    throw new Error(`The file has no entries, ${rest}.`);
  }
  if (error.count > 1) lines.push(`${error.count} lines are wrong; nothing was imported`);
  throw new Error(lines.join('\n'));
}

async function exportTo(database: Database, output: NodeJS.WritableStream): Promise<void> {
  await pipeline(exportDirectory(database), output, { end: false });
}
