import { signFreshJwt } from './jwt.ts';

/** An answer to a request for a token, and how long it took. */
export type Answer = {
  status: number;
  code: string | undefined;
  retryAfter: number;
  ms: number;
};

/** Asks a started service for a token, as alice would, and again while the machine is too busy to answer. */
export async function post(origin: string, credential?: string): Promise<Answer> {
  const answer = await postOnce(origin, credential);
  return answer.code === 'overloaded' ? post(origin, credential) : answer;
}

/** Asks once, and takes `overloaded` for an answer. */
export async function postOnce(origin: string, credential?: string): Promise<Answer> {
  const started = performance.now();
  const response = await fetch(`${origin}/video-token`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${credential ?? (await signFreshJwt())}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ roomId: 'room', videoId: 'film' }),
  });
  const { code } = (await response.json()) as { code?: string };
  const ms = performance.now() - started;
  return {
    status: response.status,
    code,
    retryAfter: Number(response.headers.get('retry-after')),
    ms,
  };
}
