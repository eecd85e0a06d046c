import { useState } from 'preact/hooks';
import { changes } from './api.ts';
import { ChangeList } from './change-list.tsx';
import { Import } from './import.tsx';
import { Pending, useLoad } from './parts.tsx';
import { go, route, words } from './state.ts';

/** Import of a file, and who changed what. */
export function ImportAndChanges() {
  const text = words.value.changes;
  return (
    <>
      <h1>{text.title}</h1>
      <Import />
      <h2>{text.log}</h2>
      <Log key={JSON.stringify(route.value.query)} {...route.value.query} />
    </>
  );
}

type LogProps = { id?: string; actor?: string; type?: string; after?: string };

function Log({ id = '', actor = '', type = '', after = '' }: LogProps) {
  const filter = { id, actor, type };
  const loaded = useLoad(
    (signal) => changes({ ...filter, after, limit: 50 }, signal),
    JSON.stringify([filter, after]),
  );
  const text = words.value.changes;
  return (
    <>
      <Filters {...filter} />
      {loaded.value ? (
        <ChangeList changes={loaded.value.changes} empty={text.noChanges} />
      ) : (
        <Pending loaded={loaded} />
      )}
      <p class="buttons">
        {after && (
          <button type="button" onClick={() => go('changes', '', filter)}>
            {text.newest}
          </button>
        )}
        {loaded.value?.next && (
          <button
            type="button"
            onClick={() => go('changes', '', { ...filter, after: loaded.value?.next ?? '' })}
          >
            {text.older}
          </button>
        )}
      </p>
    </>
  );
}

function Filters(props: { id: string; actor: string; type: string }) {
  const [id, setId] = useState(props.id);
  const [actor, setActor] = useState(props.actor);
  const [type, setType] = useState(props.type);
  const text = words.value;
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        go('changes', '', { id, actor, type });
      }}
    >
      <label>
        {text.changes.id}
        <input value={id} onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <label>
        {text.changes.actor}
        <input value={actor} onInput={(event) => setActor(event.currentTarget.value)} />
      </label>
      <label>
        {text.changes.type}
        <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
          <option value="">{text.decisions.all}</option>
          {Object.entries(text.changes.types).map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">{text.decisions.filter}</button>
    </form>
  );
}
