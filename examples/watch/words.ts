import type { PlayerState, VideoTokenAction, VideoTokenCode } from '../../client/src/index.ts';
import { en } from './words-en.ts';
import { zh } from './words-zh.ts';

/** What a viewer reads when there is no film. */
type Words = { title: string; text: string };

/** All words of the page in one language. */
export type Table = {
  page: Record<
    | 'name'
    | 'about'
    | 'who'
    | 'room'
    | 'film'
    | 'nobody'
    | 'signedOut'
    | 'refusals'
    | 'otherLanguage'
    | 'player'
    | 'life'
    | 'news',
    string
  >;
  status: Record<string, string>;
  licence: {
    now: string;
    from(day: string): string;
    until(day: string): string;
    only(countries: (string | undefined)[]): string;
  };
  states: { playing: string; asking: string; offline: Words; noAnswer: Words; failed: Words };
  startsAt(text: string, time: string): string;
  reference(id: string): string;
  /** For what a viewer can do; none where the page goes on by itself. */
  buttons: Partial<Record<VideoTokenAction, string>>;
  tryAgain: string;
  copied: string;
  notCopied: string;
  token: {
    none: string;
    whenAsked: string;
    left(seconds: number): string;
    expired: string;
    loaded(token: string): string;
  };
  news: {
    entered(room: string, user: string): string;
    received: string;
    refused(code: string | undefined): string;
    offline: string;
    failed: string;
  };
  /** Each code: what is the matter, and what the viewer can do. */
  codes: Record<VideoTokenCode, Words>;
};

const chosen = new URLSearchParams(location.search).get('lang') ?? navigator.language;

export const language = chosen.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
export const words = language === 'en' ? en : zh;

/** What the screen says of a state: a button, and the reference that support can look up. */
export type Scene = {
  kicker?: string;
  title: string;
  text?: string;
  button?: string | undefined;
  reference?: string | undefined;
};

/** Day and time of the viewer's time zone. */
function formatTime(unixSeconds: number): string {
  const options = { dateStyle: 'long', timeStyle: 'short' } as const;
  return new Intl.DateTimeFormat(language, options).format(unixSeconds * 1000);
}

/** What the screen says of that state of a film. */
export function wordsFor(film: string, { state, cause }: PlayerState): Scene {
  const { states, codes, buttons, tryAgain, startsAt } = words;
  if (state === 'playing') return { kicker: states.playing, title: film };
  if (state === 'asking') return { title: film, text: states.asking };
  if (state === 'offline') return { kicker: film, ...states.offline };
  if (state === 'failed') return { kicker: film, ...states.failed, button: tryAgain };
  // Without a cause, or with a timeout, nothing has answered.
  if (!cause || (cause.cause as Error | undefined)?.name === 'TimeoutError') {
    return { kicker: film, ...states.noAnswer };
  }
  const { action, code, availableFrom, requestId } = cause;
  // A release of the service may know more codes than this page.
  const { title, text } = codes[code] ?? { title: code, text: cause.message };
  const copies = action === 'contact_support' || action === 'fix_request';
  return {
    kicker: film,
    title,
    text: availableFrom === undefined ? text : startsAt(text, formatTime(availableFrom)),
    button: copies && !requestId ? undefined : buttons[action],
    reference: requestId,
  };
}
