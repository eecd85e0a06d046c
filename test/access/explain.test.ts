import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessFacts, Licence } from '../../src/access/access.ts';
import { decide, explain } from '../../src/access/rules.ts';
import { NOW } from '../support/clock.ts';

const IDS = { userId: 'alice', roomId: 'room', videoId: 'film', country: 'SG' };

const ALLOWED = {
  user: { status: 'active' },
  room: { status: 'open', hasMember: true, hasVideo: true },
  video: { status: 'available', licences: [{ from: null, until: null, regions: null }] },
} as const satisfies AccessFacts;

const withRoom = (room: object) => ({ ...ALLOWED, room: { ...ALLOWED.room, ...room } });
const withVideo = (video: object) => ({ ...ALLOWED, video: { ...ALLOWED.video, ...video } });
const licensed = (licence: Partial<Licence>) =>
  withVideo({ licences: [{ from: null, until: null, regions: null, ...licence }] });

const CASES: [string, string, AccessFacts][] = [
  ['user exists', 'there is no user alice in the directory', { ...ALLOWED, user: undefined }],
  ['user is active', 'alice is suspended', { ...ALLOWED, user: { status: 'suspended' } }],
  ['room exists', 'there is no room room in the directory', { ...ALLOWED, room: undefined }],
  ['room is open', 'room is closed', withRoom({ status: 'closed' })],
  ['user is a member', 'alice is not a member of room', withRoom({ hasMember: false })],
  ['video exists', 'there is no video film in the directory', { ...ALLOWED, video: undefined }],
  ['video is available', 'film is withdrawn', withVideo({ status: 'withdrawn' })],
  ['video is in the room', 'film is not in room', withRoom({ hasVideo: false })],
  ['licence has begun', 'it begins at 2023-11-14T22:13:21.000Z', licensed({ from: NOW + 1 })],
  ['licence has not ended', 'it ends at 2023-11-14T22:13:20.000Z', licensed({ until: NOW })],
  [
    'licence covers the country',
    'it covers MY, TH; the client is in SG',
    licensed({ regions: ['MY', 'TH'] }),
  ],
  [
    'licence covers the country',
    'it covers no country; the client is in SG',
    licensed({ regions: [] }),
  ],
];

describe('the reasons of a decision', () => {
  it.each(CASES)('name the rule that does not hold, "%s", and that %s', (rule, fact, facts) => {
    const { decidedBy, rules, facts: told } = explain(facts, IDS, NOW);
    expect(decidedBy).toBe(rule);
    expect(rules.find(({ holds }) => !holds)).toEqual({ rule, holds: false, fact });
    expect(told).toBe(facts);
  });

  it('name no rule when all hold', () => {
    const { decision, decidedBy, rules } = explain(ALLOWED, IDS, NOW);
    expect({ decision, decidedBy }).toEqual({ decision: { allow: true }, decidedBy: null });
    expect(rules.every(({ holds }) => holds)).toBe(true);
    expect(rules.map(({ fact }) => fact)).toContain('it covers every country; the client is in SG');
  });

  it('say of each rule which fact it rests on', () => {
    const { rules } = explain(ALLOWED, IDS, NOW);
    expect(rules.map(({ fact }) => fact)).toEqual([
      'the directory has user alice',
      'alice is active',
      'the directory has room room',
      'room is open',
      'alice is a member of room',
      'the directory has video film',
      'film is available',
      'film is in room',
      'it covers every country; the client is in SG',
      'it has no beginning',
      'it has no end',
    ]);
  });

  it('show each of several licences, and count those that cover the country', () => {
    const facts = withVideo({
      licences: [
        { from: NOW - 9, until: NOW, regions: ['SG'] },
        { from: NOW + 1, until: null, regions: ['MY', 'TH'] },
        { from: null, until: NOW, regions: null },
      ],
    });
    const { decision, decidedBy, rules } = explain(facts, IDS, NOW);
    expect(decision).toEqual({ allow: false, code: 'video_ended' });
    expect(decidedBy).toBe('licence has not ended');
    expect(rules.slice(-3)).toEqual([
      {
        rule: 'licence covers the country',
        holds: true,
        fact: 'licence 1 covers SG; licence 2 covers MY, TH; licence 3 covers every country; the client is in SG',
      },
      {
        rule: 'licence has begun',
        holds: true,
        fact: 'licence 1 begins at 2023-11-14T22:13:11.000Z; licence 2 begins at 2023-11-14T22:13:21.000Z; licence 3 has no beginning',
      },
      {
        rule: 'licence has not ended',
        holds: false,
        fact: 'licence 1 ends at 2023-11-14T22:13:20.000Z; licence 2 has no end; licence 3 ends at 2023-11-14T22:13:20.000Z',
      },
    ]);
    const elsewhere = explain(facts, { ...IDS, country: 'MY' }, NOW);
    expect(elsewhere).toMatchObject({
      decision: { code: 'video_not_started', availableFrom: NOW + 1 },
      decidedBy: 'licence has begun',
    });
  });

  it.each([
    ['user', ['user is active']],
    ['room', ['room is open', 'user is a member', 'video is in the room']],
    [
      'video',
      [
        'video is available',
        'licence covers the country',
        'licence has begun',
        'licence has not ended',
      ],
    ],
  ] as const)('say what could not be checked without a %s', (missing, unchecked) => {
    const { rules } = explain({ ...ALLOWED, [missing]: undefined }, IDS, NOW);
    const left = rules.filter(({ holds }) => holds === null);
    expect(left.map(({ rule }) => rule)).toEqual(unchecked);
    const fact = `could not be checked: there is no such ${missing}`;
    for (const one of left) expect(one.fact).toBe(fact);
  });

  it('say that a country is not known', () => {
    const facts = licensed({ regions: ['SG'] });
    const { rules } = explain(facts, { ...IDS, country: undefined }, NOW);
    expect(rules.at(-3)).toEqual({
      rule: 'licence covers the country',
      holds: false,
      fact: 'it covers SG; the client is in an unknown one',
    });
  });

  it('show everything that is wrong, and name the first', () => {
    const facts = { user: undefined, room: undefined, video: undefined };
    const { decidedBy, rules } = explain(facts, IDS, NOW);
    expect(decidedBy).toBe('user exists');
    const broken = rules.filter(({ holds }) => holds === false).map(({ rule }) => rule);
    expect(broken).toEqual(['user exists', 'room exists', 'video exists']);
  });
});

describe('for any facts', () => {
  const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const time = fc.option(fc.integer({ min: NOW - 2, max: NOW + 2 }));
  const country = fc.constantFrom('SG', 'MY', 'TH');
  const facts: fc.Arbitrary<AccessFacts> = fc.record({
    user: option(fc.record({ status: fc.constantFrom('active', 'suspended') })),
    room: option(
      fc.record({
        status: fc.constantFrom('open', 'closed'),
        hasMember: fc.boolean(),
        hasVideo: fc.boolean(),
      }),
    ),
    video: option(
      fc.record({
        status: fc.constantFrom('available', 'withdrawn'),
        licences: fc.array(
          fc.record({ from: time, until: time, regions: fc.option(fc.uniqueArray(country)) }),
          { maxLength: 5 },
        ),
      }),
    ),
  });
  const CODES: Record<string, string> = {
    'user exists': 'user_not_allowed',
    'user is active': 'user_not_allowed',
    'room exists': 'room_not_allowed',
    'room is open': 'room_not_allowed',
    'user is a member': 'room_not_allowed',
    'video exists': 'video_not_allowed',
    'video is available': 'video_not_allowed',
    'video is in the room': 'video_not_allowed',
    'licence has begun': 'video_not_started',
    'licence has not ended': 'video_ended',
    'licence covers the country': 'region_not_allowed',
  };

  it('the reasons and the decision agree: the first rule that fails is its code', () => {
    fc.assert(
      fc.property(facts, option(country), (known, where) => {
        const { decision, decidedBy } = explain(known, { ...IDS, country: where }, NOW);
        expect(decision).toEqual(decide(known, { country: where }, NOW));
        const code = decision.allow ? undefined : decision.code;
        expect(decidedBy === null ? undefined : CODES[decidedBy]).toBe(code);
      }),
      { numRuns: 2_000 },
    );
  });
});
