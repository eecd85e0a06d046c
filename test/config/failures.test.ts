import { expect, it } from 'vitest';
import { redisFailure } from '../../src/config/failures.ts';

it('asks for the scheme of Redis after a time-out that has no words of its own', () => {
  const error = Object.assign(new Error(), { code: 'ERR_SOCKET_CONNECTION_TIMEOUT' });
  expect(redisFailure('redis://r.example', error).cause.fix).toBe(
    'check the address, and whether it should be rediss://',
  );
});
