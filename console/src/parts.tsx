import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type Failure, type Found, find, type Kind } from './api.ts';
import { asked, revision, toFailure, words } from './state.ts';

const TYPING_MS = 150;
const SHOWN = 8;

export type Loaded<T> = { value?: T; failure?: Failure; reload(): void };

/** Reads when `key` changes, and after each change; what is old stays until the new has come. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, key: string): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; failure?: Failure }>({ key });
  const [attempt, setAttempt] = useState(0);
  const { value: changed } = revision;
  useEffect(() => {
    const aborted = new AbortController();
    load(aborted.signal).then(
      (value) => setState({ key, value }),
      (error) => {
        if (!aborted.signal.aborted) setState({ key, failure: toFailure(error) });
      },
    );
    return () => aborted.abort();
  }, [key, attempt, changed]);
  const current = state.key === key ? state : { key };
  return { ...current, reload: () => setAttempt(attempt + 1) };
}

/** A failure, what to do about it, and its reference. */
export function Failed({ failure, again }: { failure: Failure; again?: () => void }) {
  const text = words.value.failure;
  const { [failure.code as 'timeout']: known } = text;
  return (
    <div role="alert" class="failure">
      <p>{known ?? text.other(failure.code)}</p>
      {!known && failure.detail && <p>{failure.detail}</p>}
      {failure.errors.length > 0 && (
        <ul>
          {failure.errors.slice(0, 20).map(({ path, message }) => (
            <li key={path + message}>
              {path} {message}
            </li>
          ))}
        </ul>
      )}
      {failure.requestId && <p class="soft">{text.reference(failure.requestId)}</p>}
      {again && (
        <button type="button" onClick={again}>
          {text.again}
        </button>
      )}
    </div>
  );
}

/** What is being loaded, or why it cannot be. */
export function Pending({ loaded }: { loaded: Loaded<unknown> }) {
  if (loaded.failure) return <Failed failure={loaded.failure} again={loaded.reload} />;
  return <p aria-live="polite">{words.value.loading}</p>;
}

/** An id or a name of the outside world: text whose direction stays its own. */
export function Id({ children }: { children: ComponentChildren }) {
  return <bdi class="id">{children}</bdi>;
}

export function labelOf({ id, name, title }: Found): string {
  const label = name ?? title;
  return label ? `${label} (${id})` : id;
}

type PickerProps = {
  kind: Kind;
  label: string;
  hint?: string;
  value: string;
  onPick(id: string): void;
};

/** A field that finds entries by name or id; Enter takes the only one. What is typed counts as an id, too. */
export function Picker({ kind, label, hint, value, onPick }: PickerProps) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const [matches, setMatches] = useState<Awaited<ReturnType<typeof find>> & { q: string }>();
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => {
    if (!isOpen || value.trim() === '') return setMatches(undefined);
    const aborted = new AbortController();
    const timer = setTimeout(() => {
      find(kind, { q: value, limit: SHOWN }, aborted.signal).then(
        (found) => {
          setMatches({ ...found, q: value });
          setFailure(undefined);
        },
        (error) => aborted.signal.aborted || setFailure(toFailure(error)),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      aborted.abort();
    };
  }, [value, isOpen]);
  const pick = (chosen: string) => {
    setOpen(false);
    onPick(chosen);
  };
  return (
    <div class="picker">
      <label for={id}>
        {label}
        {hint && <span class="soft"> {hint}</span>}
      </label>
      <input
        id={id}
        value={value}
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        maxLength={128}
        onInput={(event) => {
          setOpen(true);
          onPick(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setOpen(false);
          const [only, ...others] = (isOpen && matches?.q === value && matches.found) || [];
          if (event.key !== 'Enter' || !only || only.id === value || others.length > 0) return;
          event.preventDefault();
          pick(only.id);
        }}
      />
      {failure && isOpen && <Failed failure={failure} />}
      {isOpen && matches && <Matches {...matches} onPick={pick} />}
    </div>
  );
}

type MatchesProps = { found: Found[]; next: string | null; onPick(id: string): void };

function Matches({ found, next, onPick }: MatchesProps) {
  const text = words.value.fields;
  return (
    <div class="matches" aria-live="polite">
      {found.length === 0 && <p class="soft">{text.noMatch}</p>}
      <ul>
        {found.map((entry) => (
          <li key={entry.id}>
            <button type="button" class="plain" onClick={() => onPick(entry.id)}>
              <bdi>{labelOf(entry)}</bdi>
            </button>
          </li>
        ))}
      </ul>
      {next && <p class="soft">{text.more}</p>}
    </div>
  );
}

/** Asks before a change, and says what will happen. */
export function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const question = asked.value;
  const text = words.value.ask;
  useEffect(() => {
    setFailure(undefined);
    if (question) dialog.current?.showModal();
    else dialog.current?.close();
  }, [question]);
  const close = () => {
    asked.value = undefined;
  };
  const act = async () => {
    setBusy(true);
    try {
      await question?.act();
      close();
    } catch (error) {
      setFailure(toFailure(error));
    }
    setBusy(false);
    revision.value++;
  };
  return (
    <dialog ref={dialog} aria-labelledby="asked" onClose={close}>
      <h2 id="asked">
        <bdi>{question?.title}</bdi>
      </h2>
      {failure ? (
        <Failed failure={failure} />
      ) : (
        <ul>
          {question?.effects.map((effect) => (
            <li key={effect}>{effect}</li>
          ))}
        </ul>
      )}
      <p class="buttons">
        {!failure && (
          <button type="button" class="strong" disabled={isBusy} onClick={act}>
            {text.yes}
          </button>
        )}
        <button type="button" onClick={close}>
          {failure ? text.close : text.no}
        </button>
      </p>
    </dialog>
  );
}
