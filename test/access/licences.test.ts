import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessDecision, Licence } from '../../src/access/access.ts';
import { claimsDirectory } from '../../src/access/jwt-claims.ts';
import { decide } from '../../src/access/rules.ts';
import { createRulesService } from '../../src/open-access.ts';
import { tokenLifetime } from '../../src/token/lifetime.ts';
import { NOW } from '../support/clock.ts';
import { decisionOf, LICENCE_TABLE, licencesOf } from './licence-table.ts';

function decideOn(licences: readonly Licence[], country: string | undefined, now: number) {
  const room = { status: 'open', hasMember: true, hasVideo: true } as const;
  const video = { status: 'available', licences } as const;
  return decide({ user: { status: 'active' }, room, video }, { country }, now);
}

describe.each(LICENCE_TABLE)('a film whose licensing is $name', ({ fields, answers }) => {
  const licences = licencesOf(fields);

  it('is decided by the rules as the table says, in any order of its licences', () => {
    const all = licences.map(({ from = null, until = null, regions = null }) => {
      return { from, until, regions };
    });
    for (const [country, moment, answer] of answers) {
      for (const order of [all, all.toReversed()])
        expect(decideOn(order, country, NOW + moment)).toEqual(decisionOf(answer));
    }
  });

  it('is decided by the grants of a credential as the table says', async () => {
    const claims = createRulesService(claimsDirectory);
    const videoAccess = licences.map(({ from, until, regions }) => ({
      room: 'room',
      videos: ['film'],
      ...(from !== undefined && { notBefore: from }),
      ...(until !== undefined && { notAfter: until }),
      ...(regions && { regions }),
    }));
    // Without an entry the room is refused, not the country.
    if (videoAccess.length === 0) return;
    const ids = { userId: 'alice', roomId: 'room', videoId: 'film', requestId: 'r', videoAccess };
    for (const [country, moment, answer] of answers) {
      expect(await claims.check({ ...ids, country }, NOW + moment)).toEqual(decisionOf(answer));
    }
  });
});

describe('for any licences', () => {
  const time = fc.option(fc.integer({ min: 0, max: 12 }));
  const country = fc.constantFrom('SG', 'MY');
  const licence = fc.record({
    from: time,
    until: time,
    regions: fc.option(fc.uniqueArray(country)),
  });
  const where = fc.option(fc.constantFrom('SG', 'MY', 'TH'), { nil: undefined });

  /** The answer by trying every second. */
  function expected(licences: Licence[], place: string | undefined, now: number): AccessDecision {
    const covering = licences.filter(
      ({ regions }) => regions === null || (place !== undefined && regions.includes(place)),
    );
    const holdsAt = (moment: number) =>
      covering.some(({ from, until }) => moment >= (from ?? 0) && moment < (until ?? Infinity));
    const seconds = Array.from({ length: 40 }, (_, i) => now + i);
    if (covering.length === 0) return { allow: false, code: 'region_not_allowed' };
    if (holdsAt(now)) {
      const notAfter = seconds.find((moment) => !holdsAt(moment));
      return notAfter === undefined ? { allow: true } : { allow: true, notAfter };
    }
    const availableFrom = seconds.find(holdsAt);
    if (availableFrom === undefined) return { allow: false, code: 'video_ended' };
    return { allow: false, code: 'video_not_started', availableFrom };
  }

  it('the decision is that of trying every second', () => {
    fc.assert(
      fc.property(
        fc.array(licence, { minLength: 1, maxLength: 6 }),
        where,
        fc.integer({ min: 0, max: 14 }),
        (licences, place, now) => {
          expect(decideOn(licences, place, now)).toEqual(expected(licences, place, now));
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe('the last ten seconds of a licence', () => {
  const expireAt = (licences: Partial<Licence>[], now: number) => {
    const all = licences.map((one) => ({ from: null, until: null, regions: null, ...one }));
    const decision = decideOn(all, 'SG', now);
    if (!decision.allow) return decision.code;
    const { notAfter } = decision;
    const lifetime = tokenLifetime({ now, ttlSeconds: 3_600, notAfter, sessionEndsAt: undefined });
    return 'code' in lifetime ? lifetime.code : lifetime.expireAt;
  };

  it('give no token where no other licence goes on', () => {
    const ends = [{ until: NOW + 100 }, { from: NOW + 101, until: NOW + 200 }];
    expect(expireAt(ends, NOW + 90)).toBe(NOW + 100);
    expect(expireAt(ends, NOW + 91)).toBe('video_ended');
    expect(expireAt(ends, NOW + 100)).toBe('video_not_started');
    expect(expireAt(ends, NOW + 190)).toBe(NOW + 200);
    expect(expireAt(ends, NOW + 191)).toBe('video_ended');
  });

  it('give a token that ends with the licence that touches', () => {
    const joined = [{ until: NOW + 100 }, { from: NOW + 100, until: NOW + 200 }];
    expect(expireAt(joined, NOW + 91)).toBe(NOW + 200);
    expect(expireAt(joined, NOW + 99)).toBe(NOW + 200);
    expect(expireAt(joined, NOW + 191)).toBe('video_ended');
  });
});
