import type { Explanation } from '../../src/access/access.ts';
import type { Decision } from '../../src/admin/decisions.ts';
import type { Changes, Values } from '../../src/directory/entries.ts';

const TIMEOUT_MS = 10_000;

export type Session = {
  name: string;
  role: 'read' | 'write';
  expiresAt: number | null;
  directory: boolean;
  tokenTtlSeconds: number;
};

/** Why a request failed: the code of a problem, or that there was no answer. */
export class Failure extends Error {
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly errors: readonly { path: string; message: string }[];

  constructor(code: string, problem: Partial<Failure> = {}) {
    super(code);
    this.code = code;
    this.detail = problem.detail ?? '';
    this.requestId = problem.requestId;
    this.errors = problem.errors ?? [];
  }
}

type Query = Record<string, string | number | undefined>;

type Options = {
  query?: Query;
  body?: unknown;
  /** The ETag of what was read; the service refuses when it has changed since. */
  etag?: string | null;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

/** An answer and its ETag. */
export type Tagged<T> = { value: T; etag: string | null };

/** @throws {Failure} */
async function call<T>(
  method: string,
  path: string,
  { query = {}, body, etag, headers = {}, signal }: Options = {},
): Promise<Tagged<T>> {
  const late = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(urlOf(path, query), {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(etag && { 'if-match': etag }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(late.aborted ? 'timeout' : 'unreachable');
  }
  if (!response.ok) throw await failureOf(response);
  const value = response.status === 204 ? null : await response.json();
  return { value: value as T, etag: response.headers.get('etag') };
}

async function failureOf(response: Response): Promise<Failure> {
  const problem = await response.json().catch(() => ({}));
  return new Failure(problem.code ?? `HTTP ${response.status}`, problem);
}

export function urlOf(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

const get = async <T>(path: string, query: Query, signal?: AbortSignal): Promise<T> =>
  (await call<T>('GET', path, { query, ...(signal && { signal }) })).value;

/** The kinds of entries, by their paths. */
export type Kind = 'users' | 'rooms' | 'videos';

export type Found = { id: string; status: string; name?: string | null; title?: string | null };

export type FoundPage = { found: Found[]; next: string | null };

type Page<K extends string, T> = Record<K, T[]> & { next: string | null };

export async function find(kind: Kind, query: Query, signal?: AbortSignal): Promise<FoundPage> {
  const page = await get<Page<Kind, Found>>(`/directory/${kind}`, query, signal);
  return { found: page[kind], next: page.next };
}

export type Entries = { users: Values['user']; rooms: Values['room']; videos: Values['video'] };
export type EntryChanges = {
  users: Changes['user'];
  rooms: Changes['room'];
  videos: Changes['video'];
};

const pathOf = (kind: Kind, id: string) => `/directory/${kind}/${encodeURIComponent(id)}`;

export function read<K extends Kind>(kind: K, id: string, signal?: AbortSignal) {
  return call<Entries[K]>('GET', pathOf(kind, id), signal ? { signal } : {});
}

export function patch<K extends Kind>(
  kind: K,
  id: string,
  body: EntryChanges[K],
  etag: string | null,
) {
  return call<Entries[K]>('PATCH', pathOf(kind, id), { body, etag });
}

export function setMember(
  method: 'PUT' | 'DELETE',
  roomId: string,
  userId: string,
  etag: string | null,
) {
  const path = `${pathOf('rooms', roomId)}/members/${encodeURIComponent(userId)}`;
  return call<null>(method, path, { etag });
}

export type Question = {
  userId: string;
  roomId: string;
  videoId?: string | undefined;
  country?: string | undefined;
  at?: string | undefined;
};

/** An explanation, and the film that it is about. */
export type Explained = Explanation & {
  /** Null where the room has no films. */
  videoId: string | null;
};

/** One explanation, or one for each film of the room. */
export async function explain(question: Question, signal?: AbortSignal): Promise<Explained[]> {
  const answer = await get<Explained | { videos: Explained[] }>(
    '/directory/explain',
    question,
    signal,
  );
  if ('videos' in answer) return answer.videos;
  return [{ ...answer, videoId: question.videoId ?? '' }];
}

export type DecisionPage = { decisions: Decision[]; replica: string; next: string | null };

export const decisions = (query: Query, signal?: AbortSignal) =>
  get<DecisionPage>('/decisions', query, signal);

export type Change = {
  at: string;
  actor: string | null;
  requestId: string | null;
  type: string;
  id: string;
  roomId?: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
};

export const changes = (query: Query, signal?: AbortSignal) =>
  get<{ changes: Change[]; next: string | null }>('/directory/changes', query, signal);

export type Evening = {
  roomId: string;
  videoId: string;
  startsAt: number;
  runtimeSeconds: number;
};

type Verdict = { allow: boolean; code?: string };

export type Preflight = {
  members: { userId: string; atStart: Verdict; atEnd: Verdict; countryKnown: boolean }[];
  alternatives: string[];
};

export const preflight = async (body: Evening): Promise<Preflight> =>
  (await call<Preflight>('POST', '/directory/preflight', { body })).value;

export const whoAmI = (signal?: AbortSignal) => get<Session>('/session', {}, signal);

export const signIn = async (key: string): Promise<Session> =>
  (await call<Session>('POST', '/session', { headers: { authorization: `Bearer ${key}` } })).value;

export const signOut = () => call<null>('DELETE', '/session');
