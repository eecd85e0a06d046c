import { describe, expect, it } from 'vitest';
import { type LifetimeBounds, tokenLifetime } from '../../src/token/lifetime.ts';
import { NOW } from '../support/clock.ts';

function lifetime(bounds: Partial<LifetimeBounds> = {}) {
  return tokenLifetime({
    now: NOW,
    ttlSeconds: 3600,
    notAfter: undefined,
    sessionEndsAt: undefined,
    ...bounds,
  });
}

describe('a token lives', () => {
  it('for its configured lifetime when nothing else ends', () => {
    expect(lifetime()).toEqual({ expireAt: NOW + 3600 });
    expect(lifetime({ notAfter: NOW + 3601, sessionEndsAt: NOW + 3601 })).toEqual({
      expireAt: NOW + 3600,
    });
  });

  it('no longer than the licence window', () => {
    expect(lifetime({ notAfter: NOW + 3599 })).toEqual({ expireAt: NOW + 3599 });
  });

  it('no longer than the session that it came from', () => {
    expect(lifetime({ sessionEndsAt: NOW + 3599 })).toEqual({ expireAt: NOW + 3599 });
  });

  it('until the first of licence and session ends', () => {
    const early = NOW + 100;
    const late = NOW + 200;
    expect(lifetime({ notAfter: early, sessionEndsAt: late })).toEqual({ expireAt: early });
    expect(lifetime({ notAfter: late, sessionEndsAt: early })).toEqual({ expireAt: early });
  });
});

describe('a token with little time left', () => {
  it('is made when 10 s of licence or session are left', () => {
    expect(lifetime({ notAfter: NOW + 10 })).toEqual({ expireAt: NOW + 10 });
    expect(lifetime({ sessionEndsAt: NOW + 10 })).toEqual({ expireAt: NOW + 10 });
  });

  it('is not made when 9 s of the licence are left', () => {
    expect(lifetime({ notAfter: NOW + 9 })).toEqual({ code: 'video_ended' });
  });

  it('is not made when 9 s of the session are left', () => {
    expect(lifetime({ sessionEndsAt: NOW + 9 })).toEqual({ code: 'credential_expired' });
  });

  it('names the session first, as a new session is what helps', () => {
    expect(lifetime({ notAfter: NOW + 9, sessionEndsAt: NOW + 9 })).toEqual({
      code: 'credential_expired',
    });
  });
});
