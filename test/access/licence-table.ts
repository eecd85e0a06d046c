import { NOW } from '../support/clock.ts';

/** A licence as an entry of the directory has it. */
type LicenceEntry = { from?: number; until?: number; regions?: string[] };

type Fields = {
  availableFrom?: number | null;
  availableUntil?: number | null;
  regions?: string[] | null;
  licences?: LicenceEntry[] | null;
};

type Answer = { end: number | undefined } | { code: string; from?: number };

/** A licensing of a film, and what a client in a country is answered at moments relative to NOW. */
type LicenceCase = {
  name: string;
  fields: Fields;
  answers: [country: string | undefined, moment: number, answer: Answer][];
};

const until = (end?: number): Answer => ({ end: end === undefined ? undefined : NOW + end });
const notStarted = (from: number): Answer => ({ code: 'video_not_started', from: NOW + from });
const ENDED: Answer = { code: 'video_ended' };
const ELSEWHERE: Answer = { code: 'region_not_allowed' };

/** A licence with times relative to NOW. */
function licence(from?: number, end?: number, regions?: string[]): LicenceEntry {
  return {
    ...(from !== undefined && { from: NOW + from }),
    ...(end !== undefined && { until: NOW + end }),
    ...(regions && { regions }),
  };
}

const ALWAYS: LicenceCase['answers'] = [
  ['SG', 0, until()],
  [undefined, -NOW, until()],
];
const NOWHERE: LicenceCase['answers'] = [
  ['SG', 0, ELSEWHERE],
  [undefined, 0, ELSEWHERE],
];
const WINDOW_IN_SG: LicenceCase['answers'] = [
  ['SG', -101, notStarted(-100)],
  ['SG', -100, until(100)],
  ['SG', 99, until(100)],
  ['SG', 100, ENDED],
  ['MY', -101, ELSEWHERE],
  ['MY', 0, ELSEWHERE],
  ['MY', 100, ELSEWHERE],
  [undefined, 0, ELSEWHERE],
];

/** The table of decisions on licences, which rules, databases and claims are tested with. */
export const LICENCE_TABLE: readonly LicenceCase[] = [
  { name: 'none is said', fields: {}, answers: ALWAYS },
  { name: 'null', fields: { licences: null }, answers: ALWAYS },
  { name: 'one without a bound', fields: { licences: [{}] }, answers: ALWAYS },
  {
    name: 'the short form of null',
    fields: { availableFrom: null, availableUntil: null, regions: null },
    answers: ALWAYS,
  },
  { name: 'an empty list', fields: { licences: [] }, answers: NOWHERE },
  { name: 'one without countries', fields: { licences: [{ regions: [] }] }, answers: NOWHERE },
  {
    name: 'two without countries',
    fields: { licences: [{ regions: [] }, licence(0, 100, [])] },
    answers: NOWHERE,
  },
  { name: 'the short form of nowhere', fields: { regions: [] }, answers: NOWHERE },
  {
    name: 'the short form of one',
    fields: { availableFrom: NOW - 100, availableUntil: NOW + 100, regions: ['SG'] },
    answers: WINDOW_IN_SG,
  },
  { name: 'one', fields: { licences: [licence(-100, 100, ['SG'])] }, answers: WINDOW_IN_SG },
  {
    name: 'the same one twice',
    fields: { licences: [licence(-100, 100, ['SG']), licence(-100, 100, ['SG'])] },
    answers: WINDOW_IN_SG,
  },
  {
    name: 'one, and one inside of it',
    fields: { licences: [licence(-50, 50, ['SG']), licence(-100, 100, ['SG'])] },
    answers: WINDOW_IN_SG,
  },
  {
    name: 'two territories with different windows',
    fields: { licences: [licence(-100, 100, ['SG', 'MY']), licence(50, 200, ['TH'])] },
    answers: [
      ['SG', -101, notStarted(-100)],
      ['SG', 99, until(100)],
      ['MY', 99, until(100)],
      ['SG', 100, ENDED],
      ['SG', 150, ENDED],
      ['TH', 0, notStarted(50)],
      ['TH', 49, notStarted(50)],
      ['TH', 50, until(200)],
      ['TH', 199, until(200)],
      ['TH', 200, ENDED],
      ['US', 75, ELSEWHERE],
      [undefined, 75, ELSEWHERE],
    ],
  },
  {
    name: 'a gap, in the order of time and not',
    fields: { licences: [licence(100, 200), licence(-100, -50), licence(-10, 20)] },
    answers: [
      ['SG', -101, notStarted(-100)],
      ['SG', -100, until(-50)],
      ['SG', -51, until(-50)],
      ['SG', -50, notStarted(-10)],
      ['SG', -11, notStarted(-10)],
      ['SG', -10, until(20)],
      ['SG', 19, until(20)],
      ['SG', 20, notStarted(100)],
      [undefined, 99, notStarted(100)],
      [undefined, 100, until(200)],
      ['SG', 200, ENDED],
    ],
  },
  {
    name: 'a gap of one second',
    fields: { licences: [licence(-10, 10), licence(11, 20)] },
    answers: [
      ['SG', 9, until(10)],
      ['SG', 10, notStarted(11)],
      ['SG', 11, until(20)],
    ],
  },
  {
    name: 'borders that touch',
    fields: { licences: [licence(10, 20), licence(-10, 10), licence(20, 30)] },
    answers: [
      ['SG', -11, notStarted(-10)],
      ['SG', -10, until(30)],
      ['SG', 9, until(30)],
      ['SG', 10, until(30)],
      ['SG', 29, until(30)],
      ['SG', 30, ENDED],
    ],
  },
  {
    name: 'windows that overlap',
    fields: { licences: [licence(-10, 10), licence(5, 20), licence(-20, -5), licence(15, 16)] },
    answers: [
      ['SG', -20, until(20)],
      ['SG', 5, until(20)],
      ['SG', 19, until(20)],
      ['SG', 20, ENDED],
    ],
  },
  {
    name: 'one that touches in another country alone',
    fields: { licences: [licence(-10, 10, ['SG']), licence(10, 20, ['MY']), licence(20, 30)] },
    answers: [
      ['SG', 0, until(10)],
      ['SG', 10, notStarted(20)],
      ['MY', 0, notStarted(10)],
      ['MY', 10, until(30)],
      ['US', 0, notStarted(20)],
      [undefined, 20, until(30)],
    ],
  },
  {
    name: 'every country first, some after',
    fields: { licences: [licence(undefined, 10), licence(10, undefined, ['SG'])] },
    answers: [
      ['SG', 0, until()],
      ['MY', 0, until(10)],
      [undefined, 9, until(10)],
      ['SG', 10, until()],
      ['MY', 10, ENDED],
      [undefined, 10, ENDED],
    ],
  },
  {
    name: 'one without an end joins all that it reaches',
    fields: { licences: [licence(0), licence(-10, 0), licence(50, 60)] },
    answers: [
      ['SG', -11, notStarted(-10)],
      ['SG', -10, until()],
      ['SG', 55, until()],
      ['SG', 61, until()],
    ],
  },
  {
    name: 'at the first and the last second that there is',
    fields: {
      licences: [
        { from: 0, until: 1 },
        { from: 253_402_300_798, until: 253_402_300_799 },
      ],
    },
    answers: [
      ['SG', -NOW, { end: 1 }],
      ['SG', 1 - NOW, { code: 'video_not_started', from: 253_402_300_798 }],
      ['SG', 253_402_300_798 - NOW, { end: 253_402_300_799 }],
      ['SG', 253_402_300_799 - NOW, ENDED],
    ],
  },
  {
    name: 'a hundred, each touching the next but one',
    fields: {
      licences: Array.from({ length: 100 }, (_, i) =>
        licence(i * 10, i * 10 + 10 - (i === 50 ? 1 : 0)),
      ),
    },
    answers: [
      ['SG', -1, notStarted(0)],
      ['SG', 0, until(509)],
      ['SG', 508, until(509)],
      ['SG', 509, notStarted(510)],
      ['SG', 510, until(1_000)],
      ['SG', 1_000, ENDED],
    ],
  },
];

/** The decision that an answer of the table is. */
export function decisionOf(answer: Answer): object {
  if ('end' in answer)
    return answer.end === undefined ? { allow: true } : { allow: true, notAfter: answer.end };
  const { code, from } = answer;
  return { allow: false, code, ...(from !== undefined && { availableFrom: from }) };
}

/** The licences of a case in the long form; undefined where there is no list of them. */
export function licencesOf({ availableFrom, availableUntil, regions, licences }: Fields) {
  if (licences) return licences;
  return [
    {
      ...(availableFrom != null && { from: availableFrom }),
      ...(availableUntil != null && { until: availableUntil }),
      ...(regions != null && { regions }),
    },
  ];
}
