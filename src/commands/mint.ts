import { encodeVideoPayload } from '../token/payload.ts';
import { createGenerator, type GeneratorOptions } from '../token04/index.ts';
import type { Output } from './terminal.ts';

/** For whom and for how long. */
export type MintInput = {
  userId: string;
  roomId: string;
  videoId: string;
  ttlSeconds: number;
  /** Unix seconds. */
  now: number;
};

/** Prints a token that no rule was asked about: for support and tests. */
export function mint(
  { userId, roomId, videoId, ttlSeconds, now }: MintInput,
  options: GeneratorOptions,
  { json, terminal }: Output,
): void {
  const payload = encodeVideoPayload({ roomId, videoId });
  const expireAt = now + ttlSeconds;
  const token = createGenerator(options)({ userId, payload, createdAt: now, expireAt });
  terminal.print(json ? JSON.stringify({ token, expireAt }) : token);
}
