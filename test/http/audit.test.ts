import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { addressOf, auditContext, toAuditEvent } from '../../src/http/audit.ts';

function request(ip = '203.0.113.7') {
  const raw = { socket: { remoteAddress: '192.0.2.1' } };
  return { id: 'id-1', ip, raw, audit: null } as unknown as FastifyRequest;
}

function reply(statusCode: number, writableFinished = true) {
  return { statusCode, elapsedTime: 1.23456, raw: { writableFinished } } as FastifyReply;
}

it('the event of an issued token has what is known of the request', () => {
  const asked = request();
  Object.assign(auditContext(asked), { userId: 'alice', expireAt: 7 });
  expect(toAuditEvent('video_token', asked, reply(200))).toEqual({
    event: 'video_token',
    requestId: 'id-1',
    outcome: 'issued',
    code: 'issued',
    userId: 'alice',
    expireAt: 7,
    ip: '203.0.113.7',
    durationMs: 1.235,
  });
});

it.each([
  [200, true, undefined, 'issued', 'issued'],
  [200, false, undefined, 'failed', 'aborted'],
  [499, true, 'invalid_request', 'denied', 'invalid_request'],
  [499, false, 'invalid_request', 'denied', 'invalid_request'],
  [500, true, 'internal_error', 'failed', 'internal_error'],
] as const)('an answer of %d, read %s, with the code %s is %s', (status, isRead, code, ...end) => {
  const asked = request();
  if (code !== undefined) auditContext(asked).code = code;
  const { outcome, code: logged } = toAuditEvent('video_token', asked, reply(status, isRead));
  expect([outcome, logged]).toEqual(end);
});

it('the address of a client is read once', () => {
  const asked = request();
  expect(addressOf(asked)).toBe('203.0.113.7');
  Object.assign(asked, { ip: '203.0.113.8' });
  expect(addressOf(asked)).toBe('203.0.113.7');
  expect(auditContext(asked)).toBe(auditContext(asked));
  expect(auditContext(asked)).toEqual({ ip: '203.0.113.7' });
});
