import type { Licence } from '../../src/access/access.ts';
import type { Entries } from './api.ts';
import { time, words } from './state.ts';

const WIDTH = 1_000;
const ROW = 28;
/** What an open end shows beyond the last known moment. */
const MARGIN = 30 * 86_400;

/** The licences of a film, in words and on a time line. */
export function Licences({ film }: { film: Entries['videos'] }) {
  const licences = licencesOf(film);
  const text = words.value.film;
  if (licences.length === 0) return <p>{text.noLicence}</p>;
  return (
    <>
      <TimeLine licences={licences} />
      <ol>
        {licences.map((licence) => (
          <li key={JSON.stringify(licence)}>{inWords(licence)}</li>
        ))}
      </ol>
    </>
  );
}

/** The short form is one licence. */
function licencesOf(film: Entries['videos']): Licence[] {
  if (film.licences) {
    return film.licences.map(({ from = null, until = null, regions = null }) => ({
      ...{ from, until, regions },
    }));
  }
  const { availableFrom = null, availableUntil = null, regions = null } = film;
  return [{ from: availableFrom, until: availableUntil, regions }];
}

function inWords({ from, until, regions }: Licence): string {
  const text = words.value.film;
  const where =
    regions === null ? text.everywhere : regions.length === 0 ? text.nowhere : regions.join(', ');
  const when = [from !== null && text.from(time(from)), until !== null && text.until(time(until))];
  return [where, ...(from === null && until === null ? [text.always] : when)]
    .filter(Boolean)
    .join(' · ');
}

function TimeLine({ licences }: { licences: readonly Licence[] }) {
  const now = Date.now() / 1000;
  const known = licences.flatMap(({ from, until }) => [from, until]).filter((at) => at !== null);
  const start = Math.min(now, ...known) - MARGIN;
  const end = Math.max(now, ...known) + MARGIN;
  const place = (at: number) => ((at - start) / (end - start)) * WIDTH;
  const height = licences.length * ROW;
  return (
    <svg
      class="timeline"
      viewBox={`0 0 ${WIDTH} ${height}`}
      preserveAspectRatio="none"
      height={height}
      role="img"
      aria-label={words.value.film.timeLine}
    >
      {licences.map(({ from, until }, index) => {
        const left = from === null ? 0 : place(from);
        const right = until === null ? WIDTH : place(until);
        const isOpen = (from ?? now) <= now && now < (until ?? Number.POSITIVE_INFINITY);
        return (
          <rect
            key={`${from} ${until}`}
            class={isOpen ? 'open' : 'shut'}
            x={left}
            y={index * ROW + 4}
            width={Math.max(2, right - left)}
            height={ROW - 8}
          />
        );
      })}
      <line x1={place(now)} x2={place(now)} y1={0} y2={height} />
    </svg>
  );
}
