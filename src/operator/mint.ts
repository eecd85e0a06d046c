import { loadAccess } from '../config/config.ts';
import type { Environment, ReadFile } from '../config/environment.ts';
import type { Variables } from '../config/variables.ts';
import { kindOfPath } from '../directory/sqlite/path.ts';
import { createStore, type MintedToken } from '../directory/store.ts';
import { printable } from '../messages/printable.ts';
import { encodeVideoPayload } from '../token/payload.ts';
import { createGenerator } from '../token04/index.ts';
import { authorOfCommand, type WithAccess } from './directory.ts';
import type { Output } from './terminal.ts';

/** The variables that minting a token needs. */
export const MINT_VARIABLES = [
  'ZEGO_APP_ID',
  'ZEGO_SERVER_SECRET',
  'TOKEN_MODE',
  'TOKEN_TTL_SECONDS',
] as const;

export type MintInput = {
  userId: string;
  roomId: string;
  videoId: string;
  ttlSeconds: number | undefined;
  /** Unix seconds. */
  now: number;
};

/** Prints a token without an access check, for support and tests. */
export async function mint(
  { userId, roomId, videoId, ttlSeconds, now }: MintInput,
  values: Pick<Variables, (typeof MINT_VARIABLES)[number]>,
  record: (token: MintedToken) => Promise<string | undefined>,
  { json, terminal }: Output,
): Promise<void> {
  const payload = encodeVideoPayload({ roomId, videoId });
  const expireAt = now + (ttlSeconds ?? values.TOKEN_TTL_SECONDS);
  const { ZEGO_APP_ID: appId, ZEGO_SERVER_SECRET: secret, TOKEN_MODE: mode } = values;
  const token = createGenerator({ appId, secret, mode })({
    userId,
    payload,
    createdAt: now,
    expireAt,
  });
  // Before the token is shown: none without its record.
  const note = await record({ userId, roomId, videoId, expireAt });
  if (note !== undefined) terminal.note(printable(note));
  terminal.print(json ? JSON.stringify({ token, expireAt }) : token);
}

/**
 * Records a token among the changes of the directory.
 *
 * @returns the line to print where there is no directory
 */
export async function recordMint(
  environment: Environment,
  readFile: ReadFile,
  withAccess: WithAccess,
  token: MintedToken,
): Promise<string | undefined> {
  const author = authorOfCommand();
  const { userId, roomId, videoId, expireAt } = token;
  const line = `${author.actor} minted a token for user ${userId}, room ${roomId}, video ${videoId}, until ${expireAt}`;
  const access = loadAccess(environment, readFile);
  const hasDirectory =
    access.mode === 'postgres' ||
    (access.mode === 'sqlite' && kindOfPath(access.path) !== 'nothing');
  if (!hasDirectory) return line;
  await withAccess(false, async ({ database }) => {
    if (database) await createStore(database).recordToken(author, token);
  });
  return undefined;
}
