export {
  createVideoTokenClient,
  type VideoTokenClient,
  type VideoTokenClientOptions,
} from './client.ts';
export type { Credential } from './credential.ts';
export { type VideoTokenAction, type VideoTokenCode, VideoTokenError } from './error.ts';
export type { Wanted } from './tokens.ts';
export type { Watcher } from './watch.ts';
export type { Problem, VideoToken, VideoTokenRequest } from './wire.ts';
