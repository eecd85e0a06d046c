/** A line of the audit log, as an object: a token that was issued, unless `fields` say otherwise. */
export function loggedDecision(fields: Record<string, unknown> = {}) {
  const { outcome = 'issued' } = fields;
  return {
    level: 'info',
    time: '2026-11-24T08:00:00.000Z',
    event: 'video_token',
    requestId: '018f6f2e-5b1c-7000-8000-000000000001',
    outcome,
    code: outcome === 'issued' ? 'issued' : 'video_ended',
    userId: 'User_123',
    roomId: 'room_123',
    videoId: 'film',
    ip: '203.0.113.7',
    durationMs: 1,
    ...fields,
  };
}
