import { loadAccess } from '../config/config.ts';
import type { Environment, ReadFile } from '../config/environment.ts';
import type { Variables } from '../config/variables.ts';
import { kindOfPath } from '../directory/sqlite/path.ts';
import { createStore, type MintedToken } from '../directory/store.ts';
import { printable } from '../messages/printable.ts';
import { BASIC_PAYLOAD, encodeRoomPayload, encodeVideoPayload } from '../token/payload.ts';
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

/** What a token is for: a video in a room, a room, or any room. */
export type MintedKind =
  | { kind: 'video'; roomId: string; videoId: string }
  | { kind: 'room'; roomId: string; publish: boolean }
  | { kind: 'basic' };

export type MintInput = MintedKind & {
  userId: string;
  ttlSeconds: number | undefined;
  /** Unix seconds. */
  now: number;
};

/** Prints a token without an access check, for support and tests. */
export async function mint(
  input: MintInput,
  values: Pick<Variables, (typeof MINT_VARIABLES)[number]>,
  record: (token: MintedToken) => Promise<string | undefined>,
  { json, terminal }: Output,
): Promise<void> {
  const { userId, ttlSeconds, now } = input;
  const payload = payloadOf(input);
  const expireAt = now + (ttlSeconds ?? values.TOKEN_TTL_SECONDS);
  const { ZEGO_APP_ID: appId, ZEGO_SERVER_SECRET: secret, TOKEN_MODE: mode } = values;
  const token = createGenerator({ appId, secret, mode })({
    userId,
    payload,
    createdAt: now,
    expireAt,
  });
  // Before the token is shown: none without its record.
  const note = await record({ userId, ...idsOf(input), expireAt });
  if (note !== undefined) terminal.note(printable(note));
  terminal.print(json ? JSON.stringify({ token, expireAt }) : token);
}

type KindOptions = Partial<
  Record<'room' | 'video', string> & Record<'roomToken' | 'basicToken' | 'publish', boolean>
>;

/** What the options ask for; a text says what is wrong with them. */
export function mintedKind({
  room,
  video,
  roomToken = false,
  basicToken = false,
  publish = false,
}: KindOptions): MintedKind | string {
  if (roomToken && basicToken) return 'give --room-token or --basic-token, not both';
  if (publish && !roomToken) return '--publish goes with --room-token';
  if (basicToken) {
    return room || video
      ? '--basic-token opens any room; leave out --room and --video'
      : { kind: 'basic' };
  }
  if (!room) return 'give --room';
  if (roomToken)
    return video ? '--room-token has no --video' : { kind: 'room', roomId: room, publish };
  return video ? { kind: 'video', roomId: room, videoId: video } : 'give --video';
}

function payloadOf(input: MintedKind): string {
  switch (input.kind) {
    case 'video':
      return encodeVideoPayload(input);
    case 'room':
      return encodeRoomPayload({ ...input, streamIds: null });
    case 'basic':
      return BASIC_PAYLOAD;
  }
}

function idsOf(input: MintedKind): Omit<MintedToken, 'userId' | 'expireAt'> {
  if (input.kind === 'basic') return {};
  const { roomId } = input;
  if (input.kind === 'video') return { roomId, videoId: input.videoId };
  return { roomId, ...(input.publish && { publish: true }) };
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
  const { userId, roomId, videoId, publish = false, expireAt } = token;
  const about = [
    `user ${userId}`,
    roomId === undefined ? 'any room' : `room ${roomId}`,
    ...(videoId === undefined ? [] : [`video ${videoId}`]),
    ...(publish ? ['to publish'] : []),
  ].join(', ');
  const line = `${author.actor} minted a token for ${about}, until ${expireAt}`;
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
