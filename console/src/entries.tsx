import { useState } from 'preact/hooks';
import { ActionButton, askFilm, askMember, askRemove, askRoom, askUser } from './actions.tsx';
import { type FoundPage, find, type Kind, type Preflight, preflight, read } from './api.ts';
import { DecisionList } from './decision-list.tsx';
import { Licences } from './licences.tsx';
import { Failed, Id, type Loaded, labelOf, Pending, Picker, useLoad } from './parts.tsx';
import { CODES } from './reasons.ts';
import { go, language, linkTo, mayChange, route, type Screen, toFailure, words } from './state.ts';

/** How many members and films are shown at first. */
const SHOWN = 50;

/** A screen that finds an entry, and shows it below. */
function Finder({ screen, kind, label }: { screen: Screen; kind: Kind; label: string }) {
  const [chosen, setChosen] = useState(route.value.id);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        go(screen, chosen);
      }}
    >
      <Picker kind={kind} label={label} value={chosen} onPick={setChosen} />
      <button type="submit" disabled={chosen === ''}>
        {words.value.search}
      </button>
    </form>
  );
}

export function Person() {
  const { id } = route.value;
  const text = words.value;
  return (
    <>
      <h1>{text.person.title}</h1>
      <Finder key={id} screen="person" kind="users" label={text.fields.user} />
      {id && <PersonOf key={`of ${id}`} id={id} />}
    </>
  );
}

function PersonOf({ id }: { id: string }) {
  const loaded = useLoad((signal) => read('users', id, signal), `user ${id}`);
  const rooms = useLoad((signal) => find('rooms', { member: id }, signal), `rooms of ${id}`);
  const text = words.value;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const user = loaded.value.value;
  const isActive = user.status === 'active';
  return (
    <>
      <article class={isActive ? 'good' : 'bad'}>
        <h2>
          <Id>{id}</Id>
        </h2>
        <dl>
          <dt>{text.person.name}</dt>
          <dd>
            <bdi>{user.name ?? text.person.noName}</bdi>
          </dd>
          <dt>{text.person.status}</dt>
          <dd>{text.person[user.status]}</dd>
        </dl>
        {mayChange.value && (
          <ActionButton
            label={isActive ? text.person.suspend : text.person.reinstate}
            ask={() => askUser(id, isActive ? 'suspended' : 'active')}
          />
        )}
      </article>
      <h2>{text.why.rooms}</h2>
      <Links screen="room" loaded={rooms} empty={text.why.noRooms} />
      <h2>{text.why.requests}</h2>
      <DecisionList filter={{ userId: id }} limit={20} empty={text.why.waiting} />
    </>
  );
}

type LinksProps = {
  screen: Screen;
  loaded: Loaded<FoundPage>;
  empty: string;
};

function Links({ screen, loaded, empty }: LinksProps) {
  if (!loaded.value) return <Pending loaded={loaded} />;
  const { found, next } = loaded.value;
  if (found.length === 0) return <p>{empty}</p>;
  return (
    <>
      <ul class="tags">
        {found.map((entry) => (
          <li key={entry.id}>
            <a href={linkTo(screen, entry.id)}>
              <bdi>{labelOf(entry)}</bdi>
            </a>
          </li>
        ))}
      </ul>
      {next !== null && <p class="soft">{words.value.fields.more}</p>}
    </>
  );
}

export function Room() {
  const { id } = route.value;
  const text = words.value;
  return (
    <>
      <h1>{text.room.title}</h1>
      <Finder key={id} screen="room" kind="rooms" label={text.fields.room} />
      {id && <RoomOf key={`of ${id}`} id={id} />}
    </>
  );
}

function RoomOf({ id }: { id: string }) {
  const loaded = useLoad((signal) => read('rooms', id, signal), `room ${id}`);
  const films = useLoad((signal) => find('videos', { room: id }, signal), `films of ${id}`);
  const text = words.value;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const room = loaded.value.value;
  const isOpen = room.status === 'open';
  return (
    <>
      <article class={isOpen ? 'good' : 'bad'}>
        <h2>
          <Id>{id}</Id>
        </h2>
        <p>{text.room[room.status]}</p>
        {mayChange.value && (
          <ActionButton
            label={isOpen ? text.room.close : text.room.reopen}
            ask={() => askRoom(id, isOpen ? 'closed' : 'open')}
          />
        )}
      </article>
      <h2>{text.room.films(room.videoIds.length)}</h2>
      <Links screen="film" loaded={films} empty={text.why.noFilms} />
      <Members roomId={id} memberIds={room.memberIds} />
      <Evening roomId={id} videoIds={room.videoIds} />
    </>
  );
}

function Members({ roomId, memberIds }: { roomId: string; memberIds: readonly string[] }) {
  const [user, setUser] = useState('');
  const [shown, setShown] = useState(SHOWN);
  const text = words.value.room;
  const isMember = memberIds.includes(user);
  return (
    <>
      <h2>{text.members(memberIds.length)}</h2>
      {mayChange.value && (
        <div class="form">
          <Picker kind="users" label={text.findMember} value={user} onPick={setUser} />
          {isMember && (
            <p>
              <Id>{user}</Id> {text.isMember}
            </p>
          )}
          {user && !isMember && (
            <ActionButton label={text.addMember} ask={() => askMember(user, roomId)} />
          )}
          {isMember && (
            <ActionButton label={text.removeMember} ask={() => askRemove(user, roomId)} />
          )}
        </div>
      )}
      <ul class="tags">
        {memberIds.slice(0, shown).map((id) => (
          <li key={id}>
            <a href={linkTo('person', id)}>
              <Id>{id}</Id>
            </a>
          </li>
        ))}
      </ul>
      {memberIds.length > shown && (
        <button type="button" onClick={() => setShown(memberIds.length)}>
          {text.showAll}
        </button>
      )}
    </>
  );
}

/** The next full hour, as an input of that kind has it. */
function nextHour(): string {
  const date = new Date(Date.now() + 3_600_000);
  date.setMinutes(-date.getTimezoneOffset(), 0, 0);
  return date.toISOString().slice(0, 16);
}

function Evening({ roomId, videoIds }: { roomId: string; videoIds: readonly string[] }) {
  const [film, setFilm] = useState(videoIds[0] ?? '');
  const [at, setAt] = useState(nextHour());
  const [minutes, setMinutes] = useState(120);
  const [result, setResult] = useState<Preflight>();
  const [failure, setFailure] = useState<ReturnType<typeof toFailure>>();
  const text = words.value.preflight;
  const check = async (event: Event) => {
    event.preventDefault();
    setFailure(undefined);
    setResult(undefined);
    const startsAt = Math.floor(new Date(at).getTime() / 1000);
    const evening = { roomId, videoId: film, startsAt, runtimeSeconds: minutes * 60 };
    await preflight(evening).then(setResult, (error) => setFailure(toFailure(error)));
  };
  if (videoIds.length === 0) return null;
  return (
    <section>
      <h2>{text.title}</h2>
      <p>{text.intro}</p>
      <form onSubmit={check}>
        <label>
          {text.film}
          <select value={film} onChange={(event) => setFilm(event.currentTarget.value)}>
            {videoIds.map((id) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
        <label>
          {text.at}
          <input
            type="datetime-local"
            value={at}
            required
            onInput={(event) => setAt(event.currentTarget.value)}
          />
        </label>
        <label>
          {text.minutes}
          <input
            class="short"
            type="number"
            min={1}
            max={1440}
            value={minutes}
            onInput={(event) => setMinutes(event.currentTarget.valueAsNumber)}
          />
        </label>
        <button type="submit">{text.check}</button>
      </form>
      {failure && <Failed failure={failure} />}
      {result && <Outcome result={result} />}
    </section>
  );
}

function Outcome({ result: { members, alternatives } }: { result: Preflight }) {
  const text = words.value.preflight;
  const refused = members.filter(({ atStart, atEnd }) => !atStart.allow || !atEnd.allow);
  const unknown = members.filter(({ countryKnown }) => !countryKnown).length;
  return (
    <div role="status">
      <p class="verdict">
        {refused.length === 0
          ? text.allFine(members.length)
          : text.refused(refused.length, members.length)}
      </p>
      <ul>
        {refused.slice(0, 200).map(({ userId, atStart, atEnd }) => (
          <li key={userId}>
            <a href={linkTo('person', userId)}>
              <Id>{userId}</Id>
            </a>{' '}
            {atStart.allow ? text.atEnd : text.atStart}:{' '}
            {CODES[language.value][(atStart.allow ? atEnd : atStart).code ?? '']}
          </li>
        ))}
      </ul>
      {unknown > 0 && <p>{text.countryUnknown(unknown)}</p>}
      {refused.length > 0 && alternatives.length > 0 && (
        <>
          <h3>{text.alternatives}</h3>
          <ul class="tags">
            {alternatives.map((id) => (
              <li key={id}>
                <a href={linkTo('film', id)}>
                  <Id>{id}</Id>
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

export function Film() {
  const { id } = route.value;
  const text = words.value;
  return (
    <>
      <h1>{text.film.title}</h1>
      <Finder key={id} screen="film" kind="videos" label={text.fields.film} />
      {id && <FilmOf key={`of ${id}`} id={id} />}
    </>
  );
}

function FilmOf({ id }: { id: string }) {
  const loaded = useLoad((signal) => read('videos', id, signal), `film ${id}`);
  const rooms = useLoad((signal) => find('rooms', { video: id }, signal), `rooms with ${id}`);
  const text = words.value;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const film = loaded.value.value;
  const isAvailable = film.status === 'available';
  return (
    <>
      <article class={isAvailable ? 'good' : 'bad'}>
        <h2>
          <bdi>{film.title ?? text.film.noTitle}</bdi> <Id>{id}</Id>
        </h2>
        <p>{text.film[film.status]}</p>
        {mayChange.value && (
          <ActionButton
            label={isAvailable ? text.film.withdraw : text.film.restore}
            ask={() => askFilm(id, isAvailable ? 'withdrawn' : 'available')}
          />
        )}
      </article>
      <h2>{text.film.licences}</h2>
      <Licences film={film} />
      <h2>{text.film.rooms}</h2>
      <Links screen="room" loaded={rooms} empty={text.none} />
    </>
  );
}
