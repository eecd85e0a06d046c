import type { Logger } from 'pino';
import { expect, it } from 'vitest';
import { createClientErrorLog } from '../../src/ops/notices.ts';

it('names a wrong protocol once a minute, and counts each connection', () => {
  const lines: string[] = [];
  const counted: string[] = [];
  let now = 0;
  const logger = { warn: (_fields: object, line: string) => void lines.push(line) };
  const onClientError = createClientErrorLog(
    logger as unknown as Logger,
    (kind) => counted.push(kind),
    () => now,
  );
  for (const kind of ['tls', 'tls', 'proxy_protocol', 'malformed', 'timeout']) onClientError(kind);
  expect(lines).toEqual(['TLS on a plain HTTP port', 'PROXY protocol on a plain HTTP port']);
  now = 59_999;
  onClientError('tls');
  expect(lines).toHaveLength(2);
  now = 60_000;
  onClientError('tls');
  expect(lines).toHaveLength(3);
  expect(counted).toHaveLength(7);
});
