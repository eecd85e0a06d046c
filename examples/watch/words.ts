import type { PlayerState, VideoTokenAction, VideoTokenCode } from '../../client/src/index.ts';
import { formatTime } from './directory.ts';

/** What a viewer reads when there is no film. */
type Words = { title: string; text: string };

/** What the screen says of a state: one of the words below, a button, a reference for support. */
export type Scene = {
  kicker?: string;
  title: string;
  text?: string;
  button?: string | undefined;
  reference?: string | undefined;
};

const OUR_MISTAKE = 'This is a mistake in the app, not yours. Please tell us the reference below.';

const OFFLINE = {
  title: 'You are offline',
  text: 'The film goes on as soon as your device is connected again.',
};
const NO_ANSWER = {
  title: 'This takes longer than usual',
  text: 'Our service has not answered yet. We keep trying, and the film starts by itself.',
};
const FAILED = {
  title: 'The film could not be loaded',
  text: 'We tried twice. Try again, or choose another film.',
};

/** Each code in words for viewers: what is the matter, and what they can do. */
export const WORDS: Record<VideoTokenCode, Words> = {
  credential_missing: {
    title: 'Please sign in',
    text: 'Films are for people with an account. It takes a moment, and we bring you back here.',
  },
  credential_invalid: {
    title: 'Please sign in again',
    text: 'We could not recognise your sign-in on this device.',
  },
  credential_expired: {
    title: 'Your session has expired',
    text: 'For your safety we signed you out. Sign in again and the film starts.',
  },
  subject_mismatch: {
    title: 'Two accounts got mixed up',
    text: 'The app asked in the name of another account. Please tell us the reference below.',
  },
  user_not_allowed: {
    title: 'Your account cannot watch films',
    text: 'It may be suspended. Our support can tell you more.',
  },
  room_not_allowed: {
    title: 'You are not in this room',
    text: 'It has been closed, or you need an invitation from a member.',
  },
  publish_not_allowed: {
    title: 'You can watch here, and not broadcast',
    text: 'Only hosts of this room send sound and pictures. The film plays all the same.',
  },
  video_not_allowed: {
    title: 'This film is not showing here',
    text: 'It is not on the programme of this room. The others are.',
  },
  video_not_started: {
    title: 'The premiere is still to come',
    text: 'Stay here and it starts by itself:',
  },
  video_ended: {
    title: 'This film has left the programme',
    text: 'Its time with us is over. Something else for tonight?',
  },
  region_not_allowed: {
    title: 'Not available in your country',
    text: 'We may not show this film where you are. Please choose another one.',
  },
  rate_limited: {
    title: 'Too many requests',
    text: 'Your account or network asked too often. We ask again by ourselves in a moment.',
  },
  dependency_unavailable: {
    title: 'We cannot check your access',
    text: 'A part of our service is down. We keep trying.',
  },
  key_unknown: {
    title: 'One moment longer',
    text: 'We are checking your sign-in. We keep trying, and the film starts by itself.',
  },
  overloaded: {
    title: 'We are very busy right now',
    text: 'Very many people want to watch. We keep trying, and the film starts by itself.',
  },
  internal_error: {
    title: 'Something went wrong on our side',
    text: 'We keep trying. If it stays like this, tell us the reference below.',
  },
  network_error: {
    title: 'We cannot be reached',
    text: 'Either our service is down, or the network on the way to it. We keep trying.',
  },
  unexpected_reply: {
    title: 'Another page answered',
    text: 'In a hotel or a train, open the sign-in page of its network first.',
  },
  request_timeout: {
    title: 'Your connection is very slow',
    text: 'Your request did not arrive in time. A better signal may help.',
  },
  invalid_request: { title: 'The app sent a wrong request', text: OUR_MISTAKE },
  not_found: { title: 'The app used a wrong address', text: OUR_MISTAKE },
  method_not_allowed: { title: 'The app used a wrong method', text: OUR_MISTAKE },
  body_too_large: { title: 'The app sent too much data', text: OUR_MISTAKE },
  headers_too_large: { title: 'The app sent too many headers', text: OUR_MISTAKE },
  unsupported_media_type: { title: 'The app sent an unknown format', text: OUR_MISTAKE },
};

/** The button for what a viewer can do; none where the page goes on by itself. */
const BUTTONS: Partial<Record<VideoTokenAction, string>> = {
  sign_in: 'Sign in',
  choose_another_video: 'Choose another film',
  leave_room: 'Choose another room',
  enter_as_audience: 'Watch without sending',
  contact_support: 'Copy the reference for support',
  fix_request: 'Copy the reference',
};

// Viewers do not want a number beside a premiere; support does in these cases.
const NEEDS_HELP = /contact_support|fix_request|internal_error/;

/** What the screen says of that state of a film. */
export function wordsFor(film: string, { state, cause }: PlayerState): Scene {
  if (state === 'playing') return { kicker: 'Now playing', title: film };
  if (state === 'asking') return { title: film, text: 'One moment…' };
  if (state === 'offline') return { kicker: film, ...OFFLINE };
  if (state === 'failed') return { kicker: film, ...FAILED, button: 'Try again' };
  // Without a cause, or with a timeout, nothing has answered.
  if (!cause || (cause.cause as Error | undefined)?.name === 'TimeoutError') {
    return { kicker: film, ...NO_ANSWER };
  }
  const { title, text } = WORDS[cause.code];
  const { action, code, availableFrom, requestId } = cause;
  const reference = NEEDS_HELP.test(`${action} ${code}`) ? requestId : undefined;
  const copies = action === 'contact_support' || action === 'fix_request';
  return {
    kicker: film,
    title,
    text: availableFrom === undefined ? text : `${text} ${formatTime(availableFrom)}.`,
    button: copies && !reference ? undefined : BUTTONS[action],
    reference,
  };
}
