export {
  createVideoTokenClient,
  type VideoTokenClient,
  type VideoTokenClientOptions,
} from './client.ts';
export type { Credential } from './credential.ts';
export { type VideoTokenAction, type VideoTokenCode, VideoTokenError } from './error.ts';
export { type AttachedPlayer, attachPlayer, type PlayerOptions } from './player.ts';
export type { PlayerState } from './player-state.ts';
export type { GetOptions, TokenRequest } from './tokens.ts';
export type { WatchHandlers } from './watch.ts';
export type {
  BasicToken,
  Problem,
  RoomToken,
  RoomTokenRequest,
  VideoToken,
  VideoTokenRequest,
} from './wire.ts';
