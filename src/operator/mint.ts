import type { Variables } from '../config/variables.ts';
import { encodeVideoPayload } from '../token/payload.ts';
import { createGenerator } from '../token04/index.ts';
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
export function mint(
  { userId, roomId, videoId, ttlSeconds, now }: MintInput,
  values: Pick<Variables, (typeof MINT_VARIABLES)[number]>,
  { json, terminal }: Output,
): void {
  const payload = encodeVideoPayload({ roomId, videoId });
  const expireAt = now + (ttlSeconds ?? values.TOKEN_TTL_SECONDS);
  const { ZEGO_APP_ID: appId, ZEGO_SERVER_SECRET: secret, TOKEN_MODE: mode } = values;
  const token = createGenerator({ appId, secret, mode })({
    userId,
    payload,
    createdAt: now,
    expireAt,
  });
  terminal.print(json ? JSON.stringify({ token, expireAt }) : token);
}
