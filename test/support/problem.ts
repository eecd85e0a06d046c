import { expect } from 'vitest';

/** An answer as supertest, fetch or a raw socket has it, made alike. */
export type Answer = { status: number; headers: Record<string, unknown>; body: unknown };

/** What every problem of the contract has, whatever it is about. */
export function expectProblem(
  { status, headers, body }: Answer,
  expectedStatus: number,
  code: string,
  action?: string,
): Record<string, unknown> {
  const problem = body as Record<string, unknown>;
  expect({ status, code: problem.code }).toEqual({ status: expectedStatus, code });
  if (action !== undefined) expect(problem.action).toBe(action);
  expect(headers['content-type']).toMatch(/^application\/problem\+json(;|$)/);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(problem).toMatchObject({
    type: `urn:zego-video-token:problem:${code}`,
    status: expectedStatus,
    title: expect.stringMatching(/\w/),
    detail: expect.stringMatching(/\w.*\.$/),
    action: expect.stringMatching(/^[a-z_]+$/),
  });
  expect(problem.requestId).toMatch(/^[\w-]{1,64}$/);
  expect(headers['x-request-id']).toBe(problem.requestId);
  expect('errors' in problem).toBe(code === 'invalid_request');
  expect('retry-after' in headers).toBe(expectedStatus === 429 || expectedStatus === 503);
  expect('www-authenticate' in headers).toBe(expectedStatus === 401);
  expect(JSON.stringify(problem)).not.toMatch(/\bat .*(\.ts|\.js|node:)/);
  return problem;
}
