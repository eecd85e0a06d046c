import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadAccess, loadVariables } from './config/config.ts';
import { readDotenv } from './config/dotenv.ts';
import { accessFailure, toProblem } from './config/failures.ts';
import { formatProblem } from './config/problems.ts';
import { unknownLines } from './config/suggest.ts';
import { COUNTRIES } from './directory/licences.ts';
import { kindOfPath } from './directory/sqlite/path.ts';
import type { MintedToken } from './directory/store.ts';
import { ServiceError } from './errors.ts';
import { type OpenedAccess, openAccess } from './open-access.ts';
import { addDirectoryCommands, databaseOf } from './operator/directory.ts';
import { EXIT_NO, exitOnOutputError, reportFailure } from './operator/failure.ts';
import { addUserIdCommand, JWT_OPTION, runExplainJwt } from './operator/jwt-cli.ts';
import type { MintedKind } from './operator/mint.ts';
import { REPORT_KINDS } from './operator/report-format.ts';
import { createTerminal, HELP } from './operator/terminal.ts';
import { readRegularFile as readFile } from './regular-file.ts';
import { MOMENT_RULE, parseMoment, unixSeconds } from './time.ts';
import { MAX_LIFETIME_SECONDS } from './token04/index.ts';
import { VERSION } from './version.ts';

const CODE = new Option(
  '--code <code>',
  'explain this code alone, as a client received it or the log has it',
);
CODE.conflicts(['user', 'room', 'video', 'country', 'at']);

const terminal = createTerminal(process.stdout, process.stderr);
let dotenv = '';
const context = { environment: process.env, readFile, dotenv: () => dotenv, terminal };

for (const stream of [process.stdout, process.stderr]) stream.on('error', exitOnOutputError);

const program = new Command('zego-video-token')
  .description('Makes ZEGO video tokens, inspects them and explains decisions.')
  .version(VERSION, '--version', 'print the version')
  .hook('preAction', () => {
    dotenv = readDotenv(process.env);
  })
  .configureHelp(HELP)
  .showHelpAfterError()
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 yes or done, 1 no or failed,
2 wrong configuration or wrong usage.
The commands read the environment and .env,
as the service does.`,
  );

program
  .command('inspect')
  .description('show the content of a token and why ZEGO would refuse it')
  .argument('<token>', 'a ZEGO token (04…), or - for standard input')
  .option('--expect-user <id>', 'the user id that the client logs in to ZEGO with')
  .option('--expect-room <id>', 'the room that the client is in')
  .option('--expect-video <id>', 'the video that the client loads')
  .addOption(
    new Option('--for <kind>', 'the kind that it must be').choices(['video', 'room', 'basic']),
  )
  .option('--app-sign <hex>', 'the AppSign, to see whether it was used as the key')
  .option('--json', 'print JSON')
  .action(async (token, { expectUser, expectRoom, expectVideo, json = false, ...options }) => {
    const { inspect } = await import('./operator/inspect.ts');
    const { ZEGO_SERVER_SECRET: current, ZEGO_SERVER_SECRET_PREVIOUS: previous } = loadVariables(
      process.env,
      readFile,
      ['ZEGO_SERVER_SECRET', 'ZEGO_SERVER_SECRET_PREVIOUS'],
    );
    const appId = process.env.ZEGO_APP_ID
      ? loadVariables(process.env, readFile, ['ZEGO_APP_ID']).ZEGO_APP_ID
      : undefined;
    const secrets = previous === undefined ? [current] : [current, previous];
    const { for: kind, appSign } = options;
    const ids = { userId: expectUser, roomId: expectRoom, videoId: expectVideo };
    const expected = { ...ids, kind, appSign };
    const read = token === '-' ? await text(process.stdin) : token;
    succeed(inspect(read, { secrets, appId, now: unixSeconds(), ...expected }, { json, terminal }));
  });

withTriple(program.command('mint'))
  .description('make a token without an access check, for support and tests')
  .option('--room-token', 'a token to log in to the room, in place of one for a video')
  .option('--publish', 'with --room-token: to send streams, too')
  .option('--basic-token', 'a token for ZIM and UIKit, which opens any room')
  .option('--ttl <seconds>', 'lifetime; TOKEN_TTL_SECONDS by default', parseLifetime)
  .option('--json', 'print JSON')
  .action(async ({ user, ttl, json = false, ...options }, command: Command) => {
    const { MINT_VARIABLES, mint, mintedKind, recordMint } = await import('./operator/mint.ts');
    const about = mintedKind(options);
    if (!user) command.error('error: give --user');
    if (typeof about === 'string') command.error(`error: ${about}`);
    const values = loadVariables(process.env, readFile, MINT_VARIABLES);
    const input = { ...(about as MintedKind), userId: user, ttlSeconds: ttl, now: unixSeconds() };
    const record = (token: MintedToken) => recordMint(process.env, readFile, withAccess, token);
    await mint(input, values, record, { json, terminal });
  });

withTriple(program.command('explain'))
  .description('explain why a user may or may not watch a video in a room, or what a code means')
  .option('--country <code>', 'the country of the client, ISO 3166-1 alpha-2', parseCountry)
  .option('--at <moment>', 'at a past moment: RFC 3339 or Unix seconds', parseAt)
  .option('--room-token', 'about a token for the room, in place of a video')
  .option('--publish', 'with --room-token: to send streams')
  .addOption(CODE)
  .addOption(JWT_OPTION)
  .option('--json', 'print JSON')
  .action(
    async ({ user, room, video, country, at, code, jwt, json = false, ...options }, command) => {
      if (jwt !== undefined) return exitWith(await runExplainJwt(jwt, context, json));
      const { explainCode } = await import('./operator/explain-code.ts');
      if (code !== undefined) return succeed(explainCode(code, { json, terminal }));
      if (!(user && room && (video || options.roomToken)))
        command.error('error: give --user, --room and --video, or --code, or --jwt');
      const { explainAccess, explainEntry } = await import('./operator/explain.ts');
      if (options.roomToken) {
        if (video || at !== undefined || country) {
          command.error('error: --room-token goes with --user, --room and --publish alone');
        }
        const question = { userId: user, roomId: room, publish: options.publish === true };
        return withAccess(true, async ({ service }) =>
          succeed(await explainEntry(service, question, { json, terminal })),
        );
      }
      if (options.publish) command.error('error: --publish goes with --room-token');
      const request = { userId: user, roomId: room, videoId: video, country, requestId: 'cli' };
      await withAccess(true, async ({ service }) => {
        succeed(await explainAccess(service, request, unixSeconds(), at, { json, terminal }));
      });
    },
  );

program
  .command('preflight')
  .description('check who will be refused in a room while a film runs')
  .requiredOption('--room <id>', 'the room')
  .requiredOption('--video <id>', 'the film')
  .requiredOption('--at <moment>', 'when it begins: RFC 3339 or Unix seconds', parseAt)
  .requiredOption('--minutes <number>', 'how long it runs', parseMinutes)
  .option('--country <code>', 'where the members are, ISO 3166-1 alpha-2', parseCountry)
  .option('--json', 'print JSON')
  .action(async ({ room, video, at, minutes, country, json = false }) => {
    const { preflight } = await import('./operator/preflight.ts');
    const evening = {
      ...{ roomId: room, videoId: video, startsAt: Math.floor(at / 1000) },
      ...{ runtimeSeconds: minutes * 60, countryOf: () => country },
    };
    await withAccess(true, async (access) => {
      succeed(await preflight(databaseOf(access), evening, { json, terminal }));
    });
  });

addDirectoryCommands(program, withAccess, terminal);
addUserIdCommand(program, context);

program
  .command('admin-key')
  .description('make a key of the directory API, and its line for ADMIN_KEYS_FILE')
  .argument('<name>', 'the name that its changes have')
  .requiredOption('--role <role>', 'read or write')
  .action(async (name, { role }) => {
    const { makeAdminKey } = await import('./operator/admin-key.ts');
    makeAdminKey(name, role, terminal);
  });

program
  .command('doctor')
  .description('check configuration, keys, access, Redis and clock, and say what to fix')
  .addOption(JWT_OPTION)
  .option('--json', 'print JSON')
  .action(async ({ jwt, json = false }) => {
    if (jwt !== undefined) return exitWith(await runExplainJwt(jwt, context, json));
    const { doctor } = await import('./operator/doctor.ts');
    exitWith(await doctor(process.env, readFile, dotenv, { json, terminal }));
  });

program
  .command('report')
  .description('summarize audit logs by day, film and territory')
  .argument('<files...>', 'logs of the service, or - for standard input')
  .addOption(
    new Option('--kind <kind>', 'of which tokens; those for rooms are by room')
      .choices(REPORT_KINDS)
      .default('video'),
  )
  .option('--csv', 'print CSV, for the licensor')
  .option('--json', 'print JSON')
  .option('--temp-dir <folder>', 'folder for temporary files', parseFolder, tmpdir())
  .option('--skip-unreadable', 'exit 0 even if lines that mention a decision cannot be read')
  .action(async (files, { kind, csv = false, json = false, tempDir, skipUnreadable = false }) => {
    const { report } = await import('./operator/report.ts');
    const format = csv ? 'csv' : json ? 'json' : 'table';
    succeed(await report(files, { kind, format, tempDir, skipUnreadable, terminal }));
  });

await program.parseAsync().catch((error) => {
  process.exitCode = reportFailure(error, process.env, terminal);
});

function withTriple(command: Command): Command {
  for (const name of ['user', 'room', 'video']) command.option(`--${name} <id>`, `${name} id`);
  return command;
}

async function withAccess(
  readOnly: boolean,
  work: (access: OpenedAccess) => Promise<void>,
): Promise<void> {
  const config = loadAccess(process.env, readFile);
  let access: OpenedAccess | undefined;
  try {
    access = await openAccess(config, { readOnly });
    await work(access);
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'dependency_unavailable')) throw error;
    const line = formatProblem(toProblem(accessFailure(config, error)));
    throw new Error([line, ...unknownLines(process.env)].join('\n'));
  } finally {
    await access?.service.close();
  }
}

function parseLifetime(value: string): number {
  const seconds = /^\d+$/.test(value) ? Number(value) : 0;
  if (seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS) return seconds;
  throw new InvalidArgumentError(`must be a whole number from 1 to ${MAX_LIFETIME_SECONDS}`);
}

function parseCountry(value: string): string {
  if (COUNTRIES.has(value)) return value;
  throw new InvalidArgumentError('must be a country of ISO 3166-1 in capitals, such as SG');
}

function parseAt(value: string): number {
  const at = parseMoment(value);
  if (at === undefined) throw new InvalidArgumentError(MOMENT_RULE);
  return at;
}

function parseMinutes(value: string): number {
  const minutes = /^\d+$/.test(value) ? Number(value) : 0;
  if (minutes >= 1 && minutes <= 1_440) return minutes;
  throw new InvalidArgumentError('must be a whole number from 1 to 1440');
}

function parseFolder(value: string): string {
  if (['folder', 'unknown'].includes(kindOfPath(value))) return value;
  throw new InvalidArgumentError('must be an existing folder');
}

function succeed(yes: boolean): void {
  if (!yes) exitWith(EXIT_NO);
}

function exitWith(code: number): void {
  process.exitCode = code;
}
