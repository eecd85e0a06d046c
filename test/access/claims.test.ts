import { describe, expect, it } from 'vitest';
import type { AccessDecision } from '../../src/access/access.ts';
import { claimsDirectory } from '../../src/access/jwt-claims.ts';
import { createRulesService } from '../../src/open-access.ts';
import { NOW } from '../support/clock.ts';
import { withTypos } from '../support/typos.ts';

const service = createRulesService(claimsDirectory);

function check(videoAccess: unknown, ids: { roomId?: string; videoId?: string } = {}) {
  const request = {
    userId: 'alice',
    roomId: 'room',
    videoId: 'film',
    country: undefined,
    requestId: 'request',
    videoAccess,
    ...ids,
  };
  return service.check(request, NOW);
}

const deny = (code: string): object => ({ allow: false, code });

describe('the claim video_access', () => {
  it('allows a video that it names in a room that it names', async () => {
    expect(await check([{ room: 'room', videos: ['film'] }])).toEqual({ allow: true });
    expect(await check([{ room: 'room', videos: ['other', 'film'] }])).toEqual({ allow: true });
  });

  it('allows every video of a room with *', async () => {
    const claim = [{ room: 'room', videos: ['*'] }];
    expect(await check(claim, { videoId: 'anything' })).toEqual({ allow: true });
  });

  it('has no * for rooms: it is a name like another', async () => {
    const claim = [{ room: '*', videos: ['*'] }];
    expect(await check(claim)).toEqual(deny('room_not_allowed'));
    expect(await check(claim, { roomId: '*' })).toEqual({ allow: true });
  });

  it('denies the room first, then the video', async () => {
    const claim = [{ room: 'other', videos: ['film'] }];
    expect(await check(claim)).toEqual(deny('room_not_allowed'));
    expect(await check([{ room: 'room', videos: ['other'] }])).toEqual(deny('video_not_allowed'));
    expect(await check([{ room: 'room', videos: [] }])).toEqual(deny('video_not_allowed'));
  });

  it('reads all entries of a room', async () => {
    const claim = [
      { room: 'room', videos: ['first'] },
      { room: 'room', videos: ['film'] },
    ];
    expect(await check(claim)).toEqual({ allow: true });
  });

  it('allows nothing by an entry with an unknown field, and the log names it', async () => {
    const seats = { room: 'room', videos: ['film'], seats: 4 };
    expect(await check([seats])).toMatchObject({
      code: 'room_not_allowed',
      reason: { code: 'claim_video_access', received: 'video_access.0: unknown field "seats"' },
    });
    const until = { room: 'room', videos: ['film'], notAfter: NOW + 60 };
    const mistyped = { room: 'room', videos: ['*'], notafter: NOW + 600 };
    expect(await check([until, mistyped])).toEqual({
      allow: true,
      notAfter: NOW + 60,
      reason: {
        code: 'claim_video_access',
        expected: 'a list of { room, videos, notBefore?, notAfter?, regions?, publish? }',
        received: 'video_access.1: unknown field "notafter"; did you mean notAfter?',
      },
    });
  });

  it('names an unknown field without what a terminal or a log could take for more', async () => {
    const field = `a\u001b[2J\u202e\u2028\u0085\u009b"\n${'x'.repeat(1_000)}`;
    const claim = [{ room: 'room', videos: ['film'], [field]: 1, ['__proto__']: 2, third: 3 }];
    const decision = await check(JSON.parse(JSON.stringify(claim)));
    const { received = '' } = (decision as { reason?: { received?: string } }).reason ?? {};
    expect(received).toMatch(/^video_access\.0: unknown field "a\[2J\\"x{28,34}" and \d more$/);
  });

  it('is never wider or longer by a typing mistake in any field', async () => {
    const ids = { userId: 'alice', roomId: 'room', videoId: 'film', requestId: 'request' };
    const grant = {
      room: 'room',
      videos: ['film'],
      notBefore: NOW - 60,
      notAfter: NOW + 60,
      regions: ['SG'],
    };
    const other = { room: 'room', videos: ['film'], notAfter: NOW + 30, regions: ['SG'] };
    const mistakes = withTypos(grant);
    expect(mistakes.length).toBeGreaterThan(3_000);
    for (const mistake of mistakes) {
      const asked = (videoAccess: object[], country: string) =>
        service.check({ ...ids, videoAccess, country }, NOW);
      expect(await asked([mistake], 'SG')).toMatchObject({ allow: false });
      expect(await asked([mistake, other], 'MY')).toMatchObject({ allow: false });
      const beside = await asked([mistake, other], 'SG');
      if (beside.allow) expect(beside.notAfter).toBe(NOW + 30);
    }
  });
});

describe('notAfter in the claim', () => {
  const until = (notAfter: number, videos = ['film']) => ({ room: 'room', videos, notAfter });
  const LAST = 253_402_300_799;
  const answers: [string, object[], object | AccessDecision][] = [
    ['ends the right', [until(NOW + 60)], { allow: true, notAfter: NOW + 60 }],
    ['may be the end of the year 9999', [until(LAST)], { allow: true, notAfter: LAST }],
    ['leaves the last second', [until(NOW + 1)], { allow: true, notAfter: NOW + 1 }],
    ['ends it at its very second', [until(NOW)], deny('video_ended')],
    ['of 0 has ended it', [until(0)], deny('video_ended')],
    ['in the past has ended it', [until(NOW - 1)], deny('video_ended')],
    [
      'of the later of two entries counts',
      [until(NOW + 60), until(NOW + 90)],
      { allow: true, notAfter: NOW + 90 },
    ],
    [
      'counts for nothing beside an entry without an end',
      [until(NOW - 1), { room: 'room', videos: ['*'] }],
      { allow: true },
    ],
    [
      'of another video does not count',
      [until(NOW + 60), until(NOW + 90, ['other'])],
      { allow: true, notAfter: NOW + 60 },
    ],
  ];

  it.each(answers)('%s', async (_name, claim, decision) => {
    expect(await check(claim)).toEqual(decision);
  });
});

describe('notBefore and regions in the claim', () => {
  it('bind the entry, as the window and the countries of a licence do', async () => {
    const entry = { room: 'room', videos: ['film'] };
    const later = [{ ...entry, notBefore: NOW + 1 }];
    expect(await check(later)).toEqual({ ...deny('video_not_started'), availableFrom: NOW + 1 });
    expect(await check([{ ...entry, notBefore: NOW }])).toEqual({ allow: true });
    expect(await check([{ ...entry, regions: ['SG'] }])).toEqual(deny('region_not_allowed'));
    expect(await check([{ ...entry, regions: [] }])).toEqual(deny('region_not_allowed'));
  });
});

describe('a claim of another form', () => {
  it.each([
    ['missing', undefined],
    ['null', null],
    ['a text', '[{"room":"room","videos":["film"]}]'],
    ['an object', { room: 'room', videos: ['film'] }],
    ['a list of texts', ['room']],
    ['an entry without videos', [{ room: 'room' }]],
    ['videos as a text', [{ room: 'room', videos: '*' }]],
    ['videos as numbers', [{ room: 'room', videos: [1] }]],
    ['a room that is a number', [{ room: 1, videos: ['*'] }]],
    ['an end in words', [{ room: 'room', videos: ['*'], notAfter: 'never' }]],
    ['an end in fractions', [{ room: 'room', videos: ['*'], notAfter: NOW + 0.5 }]],
    ['an end of null', [{ room: 'room', videos: ['*'], notAfter: null }]],
    ['an end before 1970', [{ room: 'room', videos: ['*'], notAfter: -1 }]],
    ['an end in milliseconds', [{ room: 'room', videos: ['*'], notAfter: NOW * 1000 }]],
    ['an end after the year 9999', [{ room: 'room', videos: ['*'], notAfter: 253_402_300_800 }]],
    ['a start of null', [{ room: 'room', videos: ['*'], notBefore: null }]],
    ['a start in milliseconds', [{ room: 'room', videos: ['*'], notBefore: NOW * 1000 }]],
    ['countries of null', [{ room: 'room', videos: ['*'], regions: null }]],
    ['countries in one text', [{ room: 'room', videos: ['*'], regions: 'SG' }]],
    ['a country in lower case', [{ room: 'room', videos: ['*'], regions: ['sg'] }]],
    ['an empty room', [{ room: '', videos: ['*'] }]],
    ['a room of 129 bytes', [{ room: 'r'.repeat(129), videos: ['*'] }]],
    ['a video of 129 bytes', [{ room: 'room', videos: ['v'.repeat(129), '*'] }]],
    ['a room with a control character', [{ room: 'ro\0om', videos: ['*'] }]],
  ])('gives no right at all, and the log says so: %s', async (_name, claim) => {
    const received = expect.stringMatching(/^(missing|video_access.*: .+)$/);
    expect(await check(claim)).toEqual({
      ...deny('room_not_allowed'),
      reason: {
        code: 'claim_video_access',
        expected: 'a list of { room, videos, notBefore?, notAfter?, regions?, publish? }',
        received,
      },
    });
  });

  it.each<[string, unknown, string]>([
    ['missing', undefined, 'missing'],
    [
      'an end in milliseconds',
      [{ room: 'r', videos: [], notAfter: 1e13 }],
      'video_access.0.notAfter: must be Unix seconds, not milliseconds',
    ],
    ['an object', {}, 'video_access: Invalid input: expected array, received object'],
  ])('is named in the log, with the field that is wrong: %s', async (_name, claim, received) => {
    expect(await check(claim)).toMatchObject({ reason: { received } });
  });

  it('is not one of an empty list, which grants nothing', async () => {
    expect(await check([])).toEqual(deny('room_not_allowed'));
  });

  it('spoils the right entry beside the wrong one: a half-read claim is none', async () => {
    const claim = [{ room: 'room', videos: ['film'] }, { room: 'room' }];
    expect(await check(claim)).toMatchObject(deny('room_not_allowed'));
  });
});
