import { useState } from 'preact/hooks';
import { decisions } from './api.ts';
import { DecisionList } from './decision-list.tsx';
import { Pending, useLoad } from './parts.tsx';
import { go, route, words } from './state.ts';

const OUTCOMES = ['issued', 'denied', 'failed'] as const;

/** The last decisions of this replica, by filters. */
export function Decisions() {
  const { user = '', room = '', film = '', outcome = '' } = route.value.query;
  const loaded = useLoad((signal) => decisions({ limit: 1 }, signal), 'replica');
  const text = words.value.decisions;
  const filter = {
    ...(user && { userId: user }),
    ...(room && { roomId: room }),
    ...(film && { videoId: film }),
    ...(outcome && { outcome }),
  };
  return (
    <>
      <h1>{text.title}</h1>
      {loaded.value ? (
        <p>
          {text.intro(loaded.value.replica)} {text.live}
        </p>
      ) : (
        <Pending loaded={loaded} />
      )}
      <Filters key={JSON.stringify(filter)} user={user} room={room} film={film} outcome={outcome} />
      <DecisionList filter={filter} limit={500} empty={text.empty} />
    </>
  );
}

function Filters(props: Record<'user' | 'room' | 'film' | 'outcome', string>) {
  const [query, setQuery] = useState(props);
  const text = words.value.decisions;
  const field = (name: 'user' | 'room' | 'film', label: string) => (
    <label>
      {label}
      <input
        value={query[name]}
        onInput={(event) => setQuery({ ...query, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        go('decisions', '', query);
      }}
    >
      {field('user', text.who)}
      {field('room', text.where)}
      {field('film', text.what)}
      <label>
        {text.outcome}
        <select
          value={query.outcome}
          onChange={(event) => setQuery({ ...query, outcome: event.currentTarget.value })}
        >
          <option value="">{text.all}</option>
          {OUTCOMES.map((name) => (
            <option key={name} value={name}>
              {text[name]}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">{text.filter}</button>
    </form>
  );
}
