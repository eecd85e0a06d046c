import type { VideoTokenError } from '../../client/src/index.ts';
import { formatTime } from './directory.ts';
import { element, say } from './element.ts';
import { BUTTONS, WORDS } from './words.ts';

// Nobody wants a number beside a premiere; but our support does.
const NEEDS_HELP = /contact_support|fix_request|internal_error/;

const stage = document.querySelector('.stage') as HTMLElement;

/** What the screen of the player shows. */
type Scene = {
  state: 'asking' | 'playing' | 'waiting' | 'refused';
  kicker?: string;
  title: string;
  text?: string;
  button?: string | undefined;
  reference?: string | undefined;
};

function show({ state, kicker, title, text, button, reference }: Scene): void {
  stage.dataset.state = state;
  say('kicker', kicker);
  say('title', title);
  say('text', text);
  say('act', button);
  say('reference', reference && `Reference ${reference}`);
}

/** The film is asked for. */
export function showAsking(film: string, index: number): void {
  stage.style.setProperty('--index', String(index));
  show({ state: 'asking', title: film, text: 'One moment…' });
}

/** The film plays. Here the token would go to `loadCopyrightedVideo`. */
export function showPlaying(film: string): void {
  show({ state: 'playing', kicker: 'Now playing', title: film });
}

/** The film does not play, and what can be done. */
export function showRefusal(film: string, error: VideoTokenError): void {
  const { title, text } = WORDS[error.code];
  const { action, code, availableFrom, requestId } = error;
  const goesOn = action === 'retry' || action === 'wait';
  show({
    state: goesOn ? 'waiting' : 'refused',
    kicker: film,
    title,
    text: availableFrom === undefined ? text : `${text} ${formatTime(availableFrom)}.`,
    button: BUTTONS[action],
    reference: NEEDS_HELP.test(`${action} ${code}`) ? requestId : undefined,
  });
}

/** All refusals, for whoever writes such words. */
export function listRefusals(): void {
  element('refusals').replaceChildren(
    ...Object.entries(WORDS).map(([code, { title, text }]) => {
      const card = document.createElement('li');
      const heading = Object.assign(document.createElement('h3'), { textContent: title });
      const words = Object.assign(document.createElement('p'), { textContent: text });
      card.append(
        heading,
        words,
        Object.assign(document.createElement('code'), { textContent: code }),
      );
      return card;
    }),
  );
}
