import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessRequest, AccessService } from '../../src/access/access.ts';
import { NOW } from '../support/clock.ts';
import { decisionOf, LICENCE_TABLE } from './licence-table.ts';

/** An adapter under the contract: its service, and how to fill its directory. */
export type AccessUnderTest = {
  service: AccessService;
  /** Imports entries, as the lines of NDJSON would say them. */
  load(entries: readonly object[]): Promise<unknown>;
  close(): Promise<void>;
};

const SQL = `'; DROP TABLE users; --`;
const FILM = { roomId: 'room', videoId: 'film' };

/** What every adapter with a directory of its own does; `setup` opens one that is empty. */
export function describeAccessDirectory(name: string, setup: () => Promise<AccessUnderTest>): void {
  describe(`access over ${name}`, () => {
    let access: AccessUnderTest;
    beforeAll(async () => {
      access = await setup();
      await access.load(DIRECTORY);
    });
    afterAll(() => access.close());

    const check = (question: Partial<AccessRequest>, now = NOW) =>
      access.service.check(toRequest(question), now);

    it.each(ANSWERS)('%s', async (_name, question, decision) => {
      expect(await check(question)).toEqual(decision);
    });

    it('an unknown, a foreign and a closed room give one answer', async () => {
      const rooms = ['unknown', 'foreign', 'closed'];
      const answers = await Promise.all(rooms.map((roomId) => check({ ...FILM, roomId })));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]).toEqual({ allow: false, code: 'room_not_allowed' });
    });

    it('the window is held to the second', async () => {
      const answerAt = async (now: number) => {
        const decision = await check({ ...FILM, videoId: 'window' }, now);
        return decision.allow ? decision : decision.code;
      };
      expect(await answerAt(NOW - 101)).toBe('video_not_started');
      expect(await answerAt(NOW - 100)).toEqual({ allow: true, notAfter: NOW + 100 });
      expect(await answerAt(NOW + 99)).toEqual({ allow: true, notAfter: NOW + 100 });
      expect(await answerAt(NOW + 100)).toBe('video_ended');
    });

    it('ids that look like SQL are ids', async () => {
      const ids = { userId: SQL, roomId: SQL, videoId: SQL };
      expect(await check(ids)).toEqual({ allow: true });
      const guesses = [`' OR '1'='1`, `${SQL} `, `\\`, `"`, '$1', '?1', '%', '_'];
      for (const guess of guesses) {
        expect(await check({ ...ids, userId: guess })).toMatchObject({ code: 'user_not_allowed' });
        expect(await check({ ...ids, roomId: guess })).toMatchObject({ code: 'room_not_allowed' });
        expect(await check({ ...ids, videoId: guess })).toMatchObject({
          code: 'video_not_allowed',
        });
      }
      expect(await check(FILM)).toEqual({ allow: true });
    });

    it('ids differ by every byte: composed and decomposed letters, case, white space', async () => {
      expect(await check({ ...FILM, userId: 'andr\u00e9' })).toEqual({ allow: true });
      for (const userId of ['andre\u0301', 'ANDR\u00c9', 'andr\u00e9 ', ' andr\u00e9']) {
        expect(await check({ ...FILM, userId })).toMatchObject({ code: 'user_not_allowed' });
      }
    });

    it('ids of the longest lengths are found', async () => {
      const ids = { userId: LONG_USER, roomId: LONG_ID, videoId: LONG_ID };
      expect(await check(ids)).toEqual({ allow: true });
    });

    it.each(CHANGES)('a change holds from the next request on: %s', async (_name, entry, code) => {
      expect(await check(CHANGING)).toMatchObject({ allow: true });
      await access.load([entry]);
      expect(await check(CHANGING)).toEqual({ allow: false, code });
      await access.load(CHANGEABLE);
      expect(await check(CHANGING)).toMatchObject({ allow: true });
    });

    it.each(LICENCE_TABLE)('decides by licences: $name', async ({ fields, answers }) => {
      const room = { type: 'room', id: 'licensed', videoIds: ['licensed'], memberIds: ['alice'] };
      // A film that had others is the same as a new one.
      for (const before of [null, [{ until: 1 }, {}, { from: 2 }]]) {
        const film = { type: 'video', id: 'licensed' };
        await access.load([{ ...film, licences: before }]);
        // A part of the short form is about a film with one licence.
        if (!('licences' in fields)) await access.load([{ ...film, licences: null }]);
        await access.load([{ ...film, ...fields }, room]);
        for (const [country, moment, answer] of answers) {
          const question = { roomId: 'licensed', videoId: 'licensed', country };
          expect(await check(question, NOW + moment)).toEqual(decisionOf(answer));
        }
      }
    });

    it('many requests at once each get their own answer', async () => {
      const questions = Array.from({ length: 200 }, (_, i) => (i % 2 ? 'film' : 'elsewhere'));
      const answers = await Promise.all(questions.map((videoId) => check({ ...FILM, videoId })));
      expect(answers.map(({ allow }) => allow)).toEqual(questions.map((id) => id === 'film'));
    });

    it('explains a decision with the first rule that does not hold', async () => {
      const request = toRequest({ ...FILM, userId: 'suspended' });
      expect(await access.service.explain?.(request, NOW)).toMatchObject({
        decision: { allow: false, code: 'user_not_allowed' },
        decidedBy: 'user is active',
        facts: { user: { status: 'suspended' }, room: { status: 'open', hasVideo: true } },
      });
    });

    it('is healthy while it answers', () => {
      expect(access.service.healthy()).toBe(true);
    });
  });
}

function toRequest(question: Partial<AccessRequest>): AccessRequest {
  return {
    userId: 'alice',
    roomId: 'room',
    videoId: 'film',
    country: undefined,
    requestId: 'request',
    ...question,
  };
}

const LONG_USER = 'é'.repeat(32);
const LONG_ID = '🎬'.repeat(32);

const CHANGING = { userId: 'carol', roomId: 'changing', videoId: 'changing' };

const CHANGEABLE = [
  { type: 'user', id: 'carol', status: 'active' },
  {
    type: 'video',
    id: 'changing',
    status: 'available',
    availableUntil: NOW + 60,
    regions: null,
  },
  {
    type: 'room',
    id: 'changing',
    status: 'open',
    videoIds: ['changing'],
    memberIds: ['carol'],
  },
];

const DIRECTORY = [
  { type: 'user', id: 'alice' },
  { type: 'user', id: 'bob' },
  { type: 'user', id: 'andr\u00e9' },
  { type: 'user', id: 'suspended', status: 'suspended' },
  { type: 'user', id: SQL },
  { type: 'user', id: LONG_USER },
  { type: 'video', id: 'film', title: 'A film' },
  { type: 'video', id: 'film_sg', regions: ['SG', 'MY'] },
  { type: 'video', id: 'film_nowhere', regions: [] },
  { type: 'video', id: 'film_later', availableFrom: 4_102_444_800 },
  { type: 'video', id: 'film_over', availableUntil: NOW },
  { type: 'video', id: 'film_ends', availableUntil: 253_402_300_799 },
  { type: 'video', id: 'window', availableFrom: NOW - 100, availableUntil: NOW + 100 },
  { type: 'video', id: 'withdrawn', status: 'withdrawn' },
  { type: 'video', id: 'elsewhere' },
  { type: 'video', id: SQL },
  { type: 'video', id: LONG_ID },
  {
    type: 'room',
    id: 'room',
    videoIds: [
      'film',
      'film_sg',
      'film_nowhere',
      'film_later',
      'film_over',
      'film_ends',
      'window',
      'withdrawn',
    ],
    memberIds: ['alice', 'suspended', 'andr\u00e9'],
  },
  { type: 'room', id: 'closed', status: 'closed', videoIds: ['film'], memberIds: ['alice'] },
  { type: 'room', id: 'foreign', videoIds: ['film', 'elsewhere'], memberIds: ['bob'] },
  { type: 'room', id: 'empty', memberIds: ['alice'] },
  { type: 'room', id: SQL, videoIds: [SQL], memberIds: [SQL] },
  { type: 'room', id: LONG_ID, videoIds: [LONG_ID], memberIds: [LONG_USER] },
  ...CHANGEABLE,
];

type Answer = [string, Partial<AccessRequest>, object];

const deny = (code: string, more: object = {}) => ({ allow: false, code, ...more });

const ANSWERS: Answer[] = [
  ['a member may load a video of the room', FILM, { allow: true }],
  [
    'the end of the window comes with the answer, exact to 53 bits',
    { videoId: 'film_ends' },
    { allow: true, notAfter: 253_402_300_799 },
  ],
  ['an unknown user is denied', { userId: 'nobody' }, deny('user_not_allowed')],
  ['a suspended user is denied', { userId: 'suspended' }, deny('user_not_allowed')],
  ['a user is no member of another room', { userId: 'bob' }, deny('room_not_allowed')],
  ['an unknown video is denied', { videoId: 'unknown' }, deny('video_not_allowed')],
  ['a withdrawn video is denied', { videoId: 'withdrawn' }, deny('video_not_allowed')],
  ['a video of another room is denied', { videoId: 'elsewhere' }, deny('video_not_allowed')],
  ['a room without videos has none', { roomId: 'empty' }, deny('video_not_allowed')],
  [
    'a video that has not begun says when it will',
    { videoId: 'film_later' },
    deny('video_not_started', { availableFrom: 4_102_444_800 }),
  ],
  ['a video that is over is denied', { videoId: 'film_over' }, deny('video_ended')],
  ['a country of the licence is covered', { videoId: 'film_sg', country: 'MY' }, { allow: true }],
  ['another country is not', { videoId: 'film_sg', country: 'TH' }, deny('region_not_allowed')],
  ['an unknown country is not', { videoId: 'film_sg' }, deny('region_not_allowed')],
  [
    'an empty list of countries covers none',
    { videoId: 'film_nowhere', country: 'SG' },
    deny('region_not_allowed'),
  ],
];

const CHANGES: [string, object, string][] = [
  ['a user suspended', { type: 'user', id: 'carol', status: 'suspended' }, 'user_not_allowed'],
  ['a room closed', { type: 'room', id: 'changing', status: 'closed' }, 'room_not_allowed'],
  ['a member removed', { type: 'room', id: 'changing', memberIds: [] }, 'room_not_allowed'],
  ['a video removed', { type: 'room', id: 'changing', videoIds: ['film'] }, 'video_not_allowed'],
  [
    'a video withdrawn',
    { type: 'video', id: 'changing', status: 'withdrawn' },
    'video_not_allowed',
  ],
  ['a window ended', { type: 'video', id: 'changing', availableUntil: NOW }, 'video_ended'],
  ['a region bound', { type: 'video', id: 'changing', regions: ['SG'] }, 'region_not_allowed'],
];
