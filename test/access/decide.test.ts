import { describe, expect, it } from 'vitest';
import { ACCESS_DENIALS, type AccessDecision, type AccessFacts } from '../../src/access/access.ts';
import { decide, RULES } from '../../src/access/rules.ts';
import { NOW } from '../support/clock.ts';

type User = NonNullable<AccessFacts['user']>;
type Room = NonNullable<AccessFacts['room']>;
type Video = {
  status: 'available' | 'withdrawn';
  availableFrom: number | null;
  availableUntil: number | null;
  regions: string[] | null;
};

/** Facts that allow, with what a test changes; null is a part that does not exist. */
type Changes = {
  user?: User | null;
  room?: Partial<Room> | null;
  video?: Partial<Video> | null;
  country?: string;
};

function decideOn({ user, room, video, country }: Changes): AccessDecision {
  const facts: AccessFacts = {
    user: user === null ? undefined : { status: 'active', ...user },
    room: room === null ? undefined : { status: 'open', hasMember: true, hasVideo: true, ...room },
    video: video === null ? undefined : toFacts(video),
  };
  return decide(facts, { country }, NOW);
}

function toFacts(video: Partial<Video> = {}): AccessFacts['video'] {
  const { status = 'available', availableFrom: from = null } = video;
  const { availableUntil: until = null, regions = null } = video;
  return { status, licences: [{ from, until, regions }] };
}

const deny = (code: string) => ({ allow: false, code });

describe('access is allowed', () => {
  it('to an active member of an open room for an available video of the room', () => {
    expect(decideOn({})).toEqual({ allow: true });
  });

  it('until the end of the licence window, which it names', () => {
    const video = { availableUntil: NOW + 600 };
    expect(decideOn({ video })).toEqual({ allow: true, notAfter: NOW + 600 });
  });
});

describe('the user', () => {
  it('that does not exist is denied', () => {
    expect(decideOn({ user: null })).toEqual(deny('user_not_allowed'));
  });

  it('that is suspended is denied', () => {
    expect(decideOn({ user: { status: 'suspended' } })).toEqual(deny('user_not_allowed'));
  });

  it('is asked before the room and the video', () => {
    expect(decideOn({ user: null, room: null, video: null })).toEqual(deny('user_not_allowed'));
  });
});

describe('the room', () => {
  it('gives one answer, be it unknown, closed or without the user', () => {
    const decisions = [null, { status: 'closed' }, { hasMember: false }] as const;
    for (const room of decisions) expect(decideOn({ room })).toEqual(deny('room_not_allowed'));
  });

  it('is asked before the video, so that its videos cannot be probed', () => {
    const room = { hasMember: false, hasVideo: false };
    expect(decideOn({ room, video: null })).toEqual(deny('room_not_allowed'));
    const video = { availableFrom: NOW + 1 };
    expect(decideOn({ room, video })).toEqual(deny('room_not_allowed'));
  });
});

describe('the video', () => {
  it('gives one answer, be it unknown, withdrawn or not one of the room', () => {
    expect(decideOn({ video: null })).toEqual(deny('video_not_allowed'));
    expect(decideOn({ video: { status: 'withdrawn' } })).toEqual(deny('video_not_allowed'));
    expect(decideOn({ room: { hasVideo: false } })).toEqual(deny('video_not_allowed'));
  });

  it('that is withdrawn is denied before its window is asked', () => {
    const video = { status: 'withdrawn', availableFrom: NOW + 1 } as const;
    expect(decideOn({ video })).toEqual(deny('video_not_allowed'));
  });
});

describe('the licence window', () => {
  it('has not begun a second before its start, and the answer says when it will', () => {
    const video = { availableFrom: NOW + 1 };
    expect(decideOn({ video })).toEqual({
      ...deny('video_not_started'),
      availableFrom: NOW + 1,
    });
  });

  it.each([
    ['at its start', 0],
    ['a second after its start', -1],
  ])('has begun %s', (_name, offset) => {
    expect(decideOn({ video: { availableFrom: NOW + offset } })).toEqual({ allow: true });
  });

  it('is still open a second before its end', () => {
    const video = { availableUntil: NOW + 1 };
    expect(decideOn({ video })).toEqual({ allow: true, notAfter: NOW + 1 });
  });

  it.each([
    ['at its end', 0],
    ['a second after its end', -1],
  ])('is over %s', (_name, offset) => {
    expect(decideOn({ video: { availableUntil: NOW + offset } })).toEqual(deny('video_ended'));
  });

  it('that is empty never opens', () => {
    const video = { availableFrom: NOW, availableUntil: NOW };
    expect(decideOn({ video })).toEqual(deny('video_ended'));
  });

  it('that begins or ends at Unix time 0 is a window', () => {
    expect(decideOn({ video: { availableFrom: 0 } })).toEqual({ allow: true });
    expect(decideOn({ video: { availableUntil: 0 } })).toEqual(deny('video_ended'));
  });

  it('is asked after the country', () => {
    const regions: string[] = [];
    for (const window of [{ availableFrom: NOW + 1 }, { availableUntil: NOW }])
      expect(decideOn({ video: { ...window, regions } })).toEqual(deny('region_not_allowed'));
  });
});

describe('the regions of a licence', () => {
  const regions = ['SG', 'MY'];

  it.each(['SG', 'MY'])('allow a client in one of them: %s', (country) => {
    expect(decideOn({ video: { regions }, country })).toEqual({ allow: true });
  });

  it.each(['TH', 'sg', 'S', 'SG,MY', ''])('deny a client elsewhere: "%s"', (country) => {
    expect(decideOn({ video: { regions }, country })).toEqual(deny('region_not_allowed'));
  });

  it('deny a client whose country is not known', () => {
    expect(decideOn({ video: { regions } })).toEqual(deny('region_not_allowed'));
  });

  it('cover nowhere when the list is empty', () => {
    expect(decideOn({ video: { regions: [] }, country: 'SG' })).toEqual(deny('region_not_allowed'));
    expect(decideOn({ video: { regions: [] } })).toEqual(deny('region_not_allowed'));
  });

  it('cover everywhere when there is no list, known country or not', () => {
    expect(decideOn({ video: { regions: null }, country: 'TH' })).toEqual({ allow: true });
    expect(decideOn({ video: { regions: null } })).toEqual({ allow: true });
  });

  it('keep the end of the window in the answer', () => {
    const video = { regions, availableUntil: NOW + 60 };
    expect(decideOn({ video, country: 'SG' })).toEqual({ allow: true, notAfter: NOW + 60 });
  });
});

describe('the list of rules', () => {
  it('gives every deny code, and no other', () => {
    expect(new Set(RULES.map(({ code }) => code))).toEqual(new Set(ACCESS_DENIALS));
  });
});
