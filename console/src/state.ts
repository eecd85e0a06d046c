import { computed, effect, signal } from '@preact/signals';
import { Failure, type Session } from './api.ts';
import { type Language, WORDS, type Words } from './words.ts';

const initial: Language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';

export const language = signal<Language>(initial);
export const words = computed<Words>(() => WORDS[language.value]);

/** Undefined until the service has said who is signed in; null when nobody is. */
export const session = signal<Session | null | undefined>(undefined);
export const hasEnded = signal(false);

export const SCREENS = ['why', 'person', 'room', 'film', 'decisions', 'changes'] as const;

export type Screen = (typeof SCREENS)[number];

/** What the address says behind `#`: a screen, an id, and the values of its form. */
export type Route = { screen: Screen; id: string; query: Record<string, string> };

export const route = signal<Route>(parseRoute(location.hash));

addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash);
});

function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [name = '', id = ''] = path.split('/', 2);
  const screen = SCREENS.find((known) => known === name) ?? 'why';
  return { screen, id: decode(id), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a screen. */
export function linkTo(screen: Screen, id = '', query: Record<string, string> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const text = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${screen}${id && `/${encodeURIComponent(id)}`}${text}`;
}

export function go(screen: Screen, id = '', query: Record<string, string> = {}): void {
  location.hash = linkTo(screen, id, query);
}

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
  document.title = `${words.value.nav[route.value.screen]} – ${words.value.product}`;
});

/** A change that waits for a yes. */
export type Asked = { title: string; effects: string[]; act(): Promise<unknown> };

export const asked = signal<Asked | undefined>(undefined);

/** Grows with each change, so that what is shown is read again. */
export const revision = signal(0);

/** A failure in words; a session that has ended shows the sign-in. */
export function toFailure(error: unknown): Failure {
  const failure = error instanceof Failure ? error : new Failure('unreachable');
  if (failure.code === 'credential_expired' || failure.code === 'credential_missing') {
    if (session.peek()) hasEnded.value = true;
    session.value = null;
  }
  return failure;
}

export const mayChange = computed(() => session.value?.role === 'write');

/** A moment in the reader's own time, with its zone. */
export function time(moment: number | string): string {
  const date = new Date(typeof moment === 'number' ? moment * 1000 : moment);
  return new Intl.DateTimeFormat(language.value === 'zh' ? 'zh-CN' : 'en', {
    dateStyle: 'medium',
    timeStyle: 'long',
  }).format(date);
}
