import supertest, { type Test } from 'supertest';
import { signJwt } from './jwt.ts';

/** What a client sends apart from the usual; a credential of null is none. */
export type Ask = {
  body?: unknown;
  credential?: string | null;
  headers?: Record<string, string>;
  /** @default /video-token */
  path?: string;
};

export const BODY = { roomId: 'room', videoId: 'film' };

/** A body that each route takes. */
export const BODIES: readonly [path: string, body: object][] = [
  ['/video-token', BODY],
  ['/room-token', { roomId: 'room' }],
  ['/basic-token', {}],
];

/** Asks for a token as alice would, for the film that she may watch. */
export async function ask(
  { origin }: { origin: string },
  { body = BODY, credential, headers = {}, path = '/video-token' }: Ask = {},
): Promise<Awaited<Test>> {
  const test = supertest(origin).post(path).set(headers);
  const token = credential === undefined ? await signJwt() : credential;
  if (token !== null) test.set('authorization', `Bearer ${token}`);
  return test.send(body as object);
}
