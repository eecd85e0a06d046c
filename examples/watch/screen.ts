import type { PlayerState, VideoToken } from '../../client/src/index.ts';
import { language, words, wordsFor } from './words.ts';

const NEWS = 4;

/** The element of the page with that id, which is there. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found as T;
}

/** Sets the text of an element; without a text it is hidden. */
export function say(id: string, text = ''): void {
  const target = element(id);
  // A screen reader reads what changes: the same text again is no change.
  if (target.textContent !== text) target.textContent = text;
  target.hidden = text === '';
}

/** Shows what the viewer of a film waits for, is told or sees. */
export function showState(film: string, index: number, now: PlayerState): void {
  const stage = document.querySelector('.stage') as HTMLElement;
  stage.style.setProperty('--index', String(index));
  stage.dataset.state = now.state;
  const { kicker, title, text, button, reference } = wordsFor(film, now);
  say('kicker', kicker);
  say('title', title);
  say('text', text);
  say('act', button);
  say('reference', reference && words.reference(reference));
}

/** Shows how long the token lives that the film was loaded with, and what happened. */
export function createTokenPanel(now: () => number) {
  let token: VideoToken | undefined;
  let life = 1;
  const draw = () => {
    const left = token ? Math.max(0, token.expireAt - now()) : 0;
    element('ring').style.strokeDashoffset = String(100 - (100 * left) / life);
    if (!token) {
      say('left', words.token.none);
      return say('note', words.token.whenAsked);
    }
    say('left', left > 0 ? words.token.left(Math.ceil(left)) : words.token.expired);
    say('note', words.token.loaded(token.token.slice(0, 12)));
  };
  setInterval(draw, 250);
  return {
    show(loaded: VideoToken | undefined) {
      token = loaded;
      if (loaded) life = Math.max(1, loaded.expireAt - now());
      draw();
    },
    report,
  };
}

/** Adds a line to what happened, unless it says the same as the last one. */
function report(text: string): void {
  const news = element('news');
  if (news.firstElementChild?.lastChild?.textContent === text) return;
  const line = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString('en-GB');
  line.append(time, text);
  news.prepend(line);
  while (news.children.length > NEWS) news.lastElementChild?.remove();
}

/** Writes the words of the viewer's language, and a link to the other one. */
export function translate(): void {
  document.documentElement.lang = language;
  document.title = words.page.name;
  for (const target of document.querySelectorAll<HTMLElement>('[data-word]')) {
    target.textContent = words.page[target.dataset.word as keyof typeof words.page];
  }
  for (const target of document.querySelectorAll<HTMLElement>('[data-label]')) {
    target.ariaLabel = words.page[target.dataset.label as keyof typeof words.page];
  }
  const other = element<HTMLAnchorElement>('language');
  other.href = language === 'en' ? '?lang=zh-CN' : '?lang=en';
  other.lang = language === 'en' ? 'zh-CN' : 'en';
}

/** Lists the words for every code. */
export function listRefusals(): void {
  element('refusals').replaceChildren(
    ...Object.entries(words.codes).map(([code, { title, text }]) => {
      const card = document.createElement('li');
      card.append(
        Object.assign(document.createElement('h3'), { textContent: title }),
        Object.assign(document.createElement('p'), { textContent: text }),
        Object.assign(document.createElement('code'), { textContent: code }),
      );
      return card;
    }),
  );
}
