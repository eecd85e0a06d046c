/** The current time in Unix seconds, the unit of JWTs, tokens and licence windows. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** `work`, or `onLate()` after `ms`. */
export function withDeadline<T>(work: Promise<T>, ms: number, onLate: () => T): Promise<T> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  return Promise.race([work, late.promise.then(onLate)]).finally(() => clearTimeout(timer));
}

/** The default clock tolerance for `iat` and `nbf`. */
const MAX_SECONDS = 5;

export const CLOCK_FIX =
  'set the clock of this machine by NTP; otherwise this service refuses fresh JWTs, or ZEGO refuses its tokens';

export function isClockRight(secondsAhead: number): boolean {
  return Math.abs(secondsAhead) <= MAX_SECONDS;
}

/** How far our clock is ahead of the server's `Date`; undefined without that header. */
export function secondsAhead(headers: Headers): number | undefined {
  const theirs = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return undefined;
  const seconds = Math.round((Date.now() - theirs) / 1000);
  // A cache forwards the origin's Date and adds Age (RFC 9111 section 5.1), or sets its own Date.
  const age = Number(headers.get('age')) || 0;
  return seconds < 0 ? seconds : Math.max(0, seconds - age);
}

/** RFC 3339 section 5.6, with an offset; seconds may have a fraction. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const UNIX_SECONDS = /^\d{1,11}(?:\.\d{1,9})?$/;

export const MOMENT_RULE =
  'must be RFC 3339 with an offset, such as 2026-11-30T20:15:00+08:00, or Unix seconds';

/** A moment in RFC 3339 or Unix seconds, as Unix milliseconds; undefined if it is neither. */
export function parseMoment(text: string): number | undefined {
  if (UNIX_SECONDS.test(text)) return Math.round(Number(text) * 1000);
  if (!RFC_3339.test(text)) return undefined;
  const [, year = 0, month = 0, day = 0] = /^(\d+)-(\d+)-(\d+)/.exec(text)?.map(Number) ?? [];
  // Date takes 30 February for 2 March.
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  const time = Date.parse(text.replace(' ', 'T').toUpperCase());
  return Number.isNaN(time) ? undefined : time;
}
