import { getSystemErrorMap } from 'node:util';
import { ServiceError } from '../errors.ts';
import { CAUSES, MESSAGES, NAMES, SQLITE } from './cause-words.ts';
import { printable } from './printable.ts';

const CODE = /^\w{1,40}$/;

/** The cause of an external failure. */
export type Cause = {
  /** For the log: `28P01`, `SQLITE_CANTOPEN`, `ECONNREFUSED`, `STATUS_500`. */
  code: string;
  /** For people; does not quote values passed to a library. */
  words: string;
  /** What to do, if the cause is specific enough. */
  fix?: string;
};

/** Finds the innermost cause of a thrown value. */
export function causeOf(thrown: unknown): Cause {
  const error = innermost(thrown);
  const cause = causeOfError(error);
  const hint = (thrown as Thrown | undefined)?.hint;
  return hint === undefined
    ? cause
    : { ...cause, fix: [cause.fix, hint].filter(Boolean).join('; ') };
}

function causeOfError(error: Thrown): Cause {
  const { errcode, status, name, message = '' } = error;
  if (errcode !== undefined) return sqliteCause(error);
  if (status !== undefined) {
    return { code: `STATUS_${status}`, words: `it answered ${status}`, fix: fixOfStatus(status) };
  }
  const [, found] = MESSAGES.find(([pattern]) => pattern.test(message)) ?? [];
  const reply = name === 'ReplyError' ? (found ?? message.split(' ')[0]) : undefined;
  const byName = rowOf(NAMES, name ?? '') ?? reply;
  if (byName) return causeForCode(byName);
  const code = typeof error.code === 'string' ? error.code : (found ?? name ?? 'UNKNOWN');
  // Messages of the PostgreSQL server name users, databases and tables, but no passwords.
  const words = error.severity === undefined ? error.received : firstLine(message);
  return { ...causeForCode(code), ...(words !== undefined && { words }) };
}

/** Formats a cause as the end of a sentence. */
export function describeCause({ code, words, fix }: Cause): string {
  return `${words} (${code})${fix === undefined ? '' : `; ${fix}`}`;
}

function causeForCode(given: string): Cause {
  // The code may come from a remote party, with any length and content.
  const code = CODE.test(given) ? given : 'UNKNOWN';
  const row = rowOf(CAUSES, code.startsWith('ERR_OSSL') ? 'ERR_OSSL' : code);
  const [words, fix] = row ?? [SYSTEM_WORDS.get(code) ?? 'it failed'];
  return { code, words, ...(fix !== undefined && { fix }) };
}

/** Looks up an own property. */
function rowOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Messages of the operating system for codes that are not in CAUSES. */
const SYSTEM_WORDS = new Map(getSystemErrorMap().values());

function fixOfStatus(status: number): string {
  if (status === 401 || status === 403) return 'check the credentials for it';
  if (status >= 500 || status === 429) return 'check its log';
  return status < 400 ? 'use the address that it redirects to' : 'check the address';
}

function sqliteCause({ errcode = 0, errstr = '', message = '' }: Thrown): Cause {
  const [name, fix] = SQLITE[errcode % 256] ?? [String(errcode), 'check the file'];
  // The message names the missing table or column; `errstr` is only "SQL logic error".
  return { code: `SQLITE_${name}`, words: firstLine(name === 'ERROR' ? message : errstr), fix };
}

function firstLine(text: string): string {
  return printable(text.split('\n', 1)[0] ?? '').slice(0, 200);
}

type Thrown = {
  code?: unknown;
  name?: string;
  message?: string;
  severity?: string;
  errcode?: number;
  errstr?: string;
  status?: number;
  /** Of a {@link Reason}; harmless text. */
  received?: string;
  /** What else may help, known where it was thrown. */
  hint?: string;
};

/** `fetch` and connections to several addresses wrap the original error. */
function innermost(thrown: unknown): Thrown {
  if (thrown instanceof ServiceError && (thrown.extras.reason || thrown.extras.cause)) {
    return thrown.extras.reason ?? innermost(thrown.extras.cause);
  }
  if (thrown instanceof AggregateError) return innermost(thrown.errors[0]);
  const error = (thrown ?? {}) as Thrown & { cause?: unknown };
  // On a connection timeout of `pg`, the inner error only says that the connection was closed.
  const isOutermost =
    typeof error.code === 'string' || /connection timeout/.test(error.message ?? '');
  return error.cause && !isOutermost ? innermost(error.cause) : error;
}
