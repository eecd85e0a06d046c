import { language, words } from './words.ts';

/** A film as the sample directory has it. */
export type Film = {
  id: string;
  title: string;
  status?: string;
  availableFrom?: number;
  availableUntil?: number;
  regions?: string[];
  licences?: { regions?: string[] }[];
};

type Room = { id: string; status?: string; videoIds: string[] };
type User = { id: string; status?: string };
export type Directory = { users: User[]; rooms: Room[]; films: Film[] };

type Line = ({ type: 'user' } & User) | ({ type: 'room' } & Room) | ({ type: 'video' } & Film);

const regionNames = new Intl.DisplayNames(language, { type: 'region' });

/** Reads users, rooms and films from lines of JSON. */
export function readDirectory(text: string): Directory {
  const lines: Line[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return {
    users: lines.filter((line) => line.type === 'user'),
    rooms: lines.filter((line) => line.type === 'room'),
    films: lines.filter((line) => line.type === 'video'),
  };
}

function formatDay(unixSeconds: number): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(unixSeconds * 1000);
}

/** What is special about the licence of a film, in a few words. */
export function licenceOf(film: Film): string {
  const { status, availableFrom, availableUntil, licences } = film;
  const regions = film.regions ?? licences?.flatMap((licence) => licence.regions ?? []);
  if (status === 'withdrawn') return words.status.withdrawn as string;
  if (availableFrom !== undefined) return words.licence.from(formatDay(availableFrom));
  if (availableUntil !== undefined) return words.licence.until(formatDay(availableUntil - 1));
  if (regions) return words.licence.only(regions.map((region) => regionNames.of(region)));
  return words.licence.now;
}
