import { type Directory, licenceOf } from './directory.ts';
import { element } from './screen.ts';
import { words } from './words.ts';

/** The user of the choice to be signed out. */
export const NOBODY = '';

/** The user, the room and the film that are chosen. */
export type Choice = { user: string; roomId: string; videoId: string };

type Option = { value: string; label: string; hint?: string | undefined };

/** Fills the form with what the directory has; calls back with each choice, and with the first at once. */
export function offerChoices(directory: Directory, onChoice: (choice: Choice) => void): void {
  const { users, rooms, films } = directory;
  offer('users', 'user', [
    ...users.map(({ id, status }) => ({
      value: id,
      label: id,
      hint: status && words.status[status],
    })),
    { value: NOBODY, label: words.page.nobody, hint: words.page.signedOut },
  ]);
  offer(
    'rooms',
    'room',
    rooms.map(({ id, status }) => ({ value: id, label: id, hint: status && words.status[status] })),
  );
  offer(
    'films',
    'film',
    films.map((film) => ({
      value: film.id,
      label: film.title,
      hint: licenceOf(film),
    })),
  );
  const form = element<HTMLFormElement>('choices');
  const tell = () => {
    const chosen = new FormData(form);
    onChoice({
      user: String(chosen.get('user')),
      roomId: String(chosen.get('room')),
      videoId: String(chosen.get('film')),
    });
  };
  form.addEventListener('change', tell);
  form.addEventListener('submit', (event) => event.preventDefault());
  tell();
}

/** Chooses for the viewer. */
export function choose(name: string, value: string): void {
  const input = document.querySelector<HTMLInputElement>(
    `input[name="${name}"][value="${CSS.escape(value)}"]`,
  );
  input?.click();
}

/** Moves the focus to a group of choices. */
export function focusOn(name: string): void {
  document.querySelector<HTMLInputElement>(`input[name="${name}"]:checked`)?.focus();
}

function offer(group: string, name: string, options: Option[]): void {
  element(group).replaceChildren(
    ...options.map(({ value, label, hint }, index) => {
      const input = Object.assign(document.createElement('input'), {
        type: 'radio',
        name,
        value,
        defaultChecked: index === 0,
      });
      const words = document.createElement('span');
      words.append(label);
      if (hint) words.append(Object.assign(document.createElement('small'), { textContent: hint }));
      const choice = document.createElement('label');
      choice.style.setProperty('--index', String(index));
      choice.append(input, words);
      return choice;
    }),
  );
}
