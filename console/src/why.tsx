import { useState } from 'preact/hooks';
import { ActionButton, askMember, askRoom, askUser } from './actions.tsx';
import {
  type Change,
  changes,
  decisions,
  type Explained,
  explain,
  find,
  type Question,
} from './api.ts';
import { ChangeList } from './change-list.tsx';
import { DecisionList } from './decision-list.tsx';
import { Id, Pending, Picker, useLoad } from './parts.tsx';
import { CODES, REASONS, REMEDIES, type Remedy } from './reasons.ts';
import { go, language, linkTo, mayChange, route, time, words } from './state.ts';

/** Why a person may or may not watch, by ids or by a reference number. */
export function Why() {
  const { query } = route.value;
  const text = words.value.why;
  return (
    <>
      <h1>{text.title}</h1>
      <p>{text.intro}</p>
      <Ask key={JSON.stringify(query)} {...query} />
      {query.reference && <ByReference reference={query.reference} />}
      {query.user && query.room && (
        <Answer
          question={{
            userId: query.user,
            roomId: query.room,
            videoId: query.film,
            country: query.country,
          }}
        />
      )}
      {query.user && !query.room && <RoomsOf userId={query.user} />}
    </>
  );
}

type AskProps = {
  user?: string;
  room?: string;
  film?: string;
  country?: string;
  reference?: string;
};

function Ask(props: AskProps) {
  const text = words.value;
  const [user, setUser] = useState(props.user ?? '');
  const [room, setRoom] = useState(props.room ?? '');
  const [film, setFilm] = useState(props.film ?? '');
  const [country, setCountry] = useState(props.country ?? '');
  const [reference, setReference] = useState(props.reference ?? '');
  const { optional } = text.fields;
  return (
    <div class="columns">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go('why', '', { user, room, film, country: country.toUpperCase() });
        }}
      >
        <Picker kind="users" label={text.fields.user} value={user} onPick={setUser} />
        <Picker kind="rooms" label={text.fields.room} value={room} onPick={setRoom} />
        <Picker
          kind="videos"
          label={text.fields.film}
          hint={optional}
          value={film}
          onPick={setFilm}
        />
        <label>
          {text.fields.country} <span class="soft">{optional}</span>
          <input
            class="short"
            value={country}
            maxLength={2}
            pattern="[A-Za-z]{2}"
            onInput={(event) => setCountry(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="strong" disabled={user === ''}>
          {text.why.ask}
        </button>
      </form>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go('why', '', { reference: reference.trim() });
        }}
      >
        <label>
          {text.fields.reference}
          <input
            value={reference}
            spellcheck={false}
            onInput={(event) => setReference(event.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={reference.trim() === ''}>
          {text.why.byReference}
        </button>
      </form>
    </div>
  );
}

/** Support often knows the person alone. */
function RoomsOf({ userId }: { userId: string }) {
  const loaded = useLoad((signal) => find('rooms', { member: userId }, signal), `rooms ${userId}`);
  const text = words.value.why;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const { found } = loaded.value;
  return (
    <section>
      <h2>{text.rooms}</h2>
      <p>{found.length === 0 ? text.noRooms : text.chooseRoom}</p>
      <ul>
        {found.map(({ id }) => (
          <li key={id}>
            <a href={linkTo('why', '', { user: userId, room: id })}>
              <Id>{id}</Id>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Answer({ question }: { question: Question }) {
  const loaded = useLoad((signal) => explain(question, signal), JSON.stringify(question));
  const text = words.value.why;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const { userId, roomId } = question;
  return (
    <section aria-live="polite">
      {sharedReason(loaded.value).map((explained) => (
        <Verdict key={explained.videoId} explained={explained} userId={userId} roomId={roomId} />
      ))}
      <h2>{text.requests}</h2>
      <DecisionList filter={{ userId }} limit={5} empty={text.waiting} />
    </section>
  );
}

/** A reason that is not about a film is the same for each: it is shown once, for the whole room. */
function sharedReason(all: readonly Explained[]): readonly Explained[] {
  const [first] = all;
  const isShared = first?.decidedBy != null && !/video|licence/.test(first.decidedBy);
  return isShared && all.length > 1 ? [{ ...first, videoId: null }] : all;
}

type VerdictProps = { explained: Explained; userId: string; roomId: string; isPast?: boolean };

/** The decision in sentences, and what helps. */
function Verdict({ explained, userId, roomId, isPast = false }: VerdictProps) {
  const text = words.value.why;
  const { decision, decidedBy, videoId } = explained;
  const reason = decidedBy === null ? undefined : REASONS[language.value][decidedBy];
  return (
    <article class={decision.allow ? 'good' : 'bad'}>
      <h2>
        {videoId === null ? (
          text.wholeRoom
        ) : (
          <>
            {words.value.nav.film}: <Id>{videoId}</Id>
          </>
        )}
      </h2>
      {decision.allow ? (
        <>
          <p class="verdict">{text.allowed}</p>
          {decision.notAfter !== undefined && <p>{text.allowedUntil(time(decision.notAfter))}</p>}
          {!isPast && <p>{text.allowedHelp}</p>}
        </>
      ) : (
        <>
          <p>{text.denied}</p>
          <p class="verdict">{reason?.fails ?? CODES[language.value][decision.code]}</p>
          {'availableFrom' in decision && decision.availableFrom !== undefined && (
            <p>{words.value.film.from(time(decision.availableFrom))}</p>
          )}
          {!isPast && reason && (
            <>
              <h3>{text.toDo}</h3>
              <p>{reason.help}</p>
              <Help remedy={REMEDIES[decidedBy ?? '']} userId={userId} roomId={roomId} />
              <h3>{text.toViewer}</h3>
              <blockquote>{reason.viewer}</blockquote>
            </>
          )}
        </>
      )}
      <details>
        <summary>{text.rules}</summary>
        <Rules explained={explained} />
      </details>
      <p class="links">
        <a href={linkTo('person', userId)}>{words.value.nav.person}</a>
        <a href={linkTo('room', roomId)}>{words.value.nav.room}</a>
        {videoId && <a href={linkTo('film', videoId)}>{words.value.nav.film}</a>}
      </p>
    </article>
  );
}

const ASK: Record<Remedy, (userId: string, roomId: string) => Promise<void>> = {
  reinstate: (userId) => askUser(userId, 'active'),
  openRoom: (_userId, roomId) => askRoom(roomId, 'open'),
  makeMember: askMember,
};

type HelpProps = { remedy: Remedy | undefined; userId: string; roomId: string };

function Help({ remedy, userId, roomId }: HelpProps) {
  const text = words.value;
  if (!remedy) return null;
  const labels: Record<Remedy, string> = {
    reinstate: text.person.reinstate,
    openRoom: text.room.reopen,
    makeMember: text.room.addMember,
  };
  if (!mayChange.value) {
    return (
      <p>
        {text.why.readOnly} {labels[remedy]}
      </p>
    );
  }
  return <ActionButton label={labels[remedy]} ask={() => ASK[remedy](userId, roomId)} isStrong />;
}

function Rules({ explained }: { explained: Explained }) {
  const text = words.value.why;
  const marks = new Map([
    [true, ['✓', text.holds]],
    [false, ['✗', text.fails]],
    [null, ['?', text.unchecked]],
  ]);
  return (
    <ul class="rules">
      {explained.rules.map(({ rule, holds, fact }) => {
        const [mark, meaning] = marks.get(holds) ?? [];
        const reason = REASONS[language.value][rule];
        return (
          <li key={rule}>
            <span aria-hidden="true">{mark}</span> <span class="unseen">{meaning}:</span>{' '}
            {holds === null ? text.unchecked : holds ? reason?.holds : reason?.fails}{' '}
            <span class="soft">
              <bdi>{fact}</bdi>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** A decision by its reference number: what was decided, by which rules, and what has changed since. */
function ByReference({ reference }: { reference: string }) {
  const loaded = useLoad(
    (signal) => decisions({ requestId: reference }, signal),
    `reference ${reference}`,
  );
  const text = words.value.reference;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const [decision] = loaded.value.decisions;
  if (!decision) {
    return (
      <section role="status">
        <p class="verdict">{text.missing(loaded.value.replica)}</p>
        <p>{text.elsewhere}</p>
      </section>
    );
  }
  const { userId, roomId, videoId, country } = decision;
  const isWhole = userId !== undefined && roomId !== undefined && videoId !== undefined;
  return (
    <section>
      <h2>{text.decided(time(decision.time), decision.replica)}</h2>
      <p class="verdict">{CODES[language.value][decision.code] ?? decision.code}</p>
      <DecisionList filter={{ requestId: reference }} limit={5} empty="" />
      {isWhole && <Then question={{ userId, roomId, videoId, country }} at={decision.time} />}
    </section>
  );
}

function Then({ question, at }: { question: Question; at: string }) {
  const text = words.value.reference;
  const key = JSON.stringify([question, at]);
  const past = useLoad((signal) => explain({ ...question, at }, signal), `then ${key}`);
  const since = useLoad((signal) => changedSince(question, at, signal), `since ${key}`);
  const { userId, roomId } = question;
  return (
    <>
      <h2>{text.atThatMoment}</h2>
      {past.failure && <p>{text.notKept}</p>}
      {past.value ? (
        past.value.map((explained) => (
          <Verdict key="past" explained={explained} userId={userId} roomId={roomId} isPast />
        ))
      ) : (
        <Pending loaded={past} />
      )}
      <h2>{text.since}</h2>
      {since.value ? (
        <ChangeList changes={since.value} empty={text.nothingSince} />
      ) : (
        <Pending loaded={since} />
      )}
      <h2>{text.now}</h2>
      <Answer question={question} />
    </>
  );
}

/** Changes of the person, the room and the film since a moment, newest first. */
async function changedSince(
  { userId, roomId, videoId }: Question,
  at: string,
  signal: AbortSignal,
): Promise<Change[]> {
  const ids = [userId, roomId, videoId].filter((id) => id !== undefined);
  const pages = await Promise.all(ids.map((id) => changes({ id, limit: 100 }, signal)));
  const isOther = ({ type, id, roomId: room }: Change) =>
    type === 'member' && (id !== userId || room !== roomId);
  const newer = pages
    .flatMap((page) => page.changes)
    .filter((change) => change.at > at && !isOther(change));
  const unique = new Map(newer.map((change) => [JSON.stringify(change), change]));
  return [...unique.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
}
