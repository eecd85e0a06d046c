import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Failure, signIn, signOut, whoAmI } from './api.ts';
import { ImportAndChanges } from './changes.tsx';
import { Decisions } from './decisions.tsx';
import { Film, Person, Room } from './entries.tsx';
import { Dialog, Failed } from './parts.tsx';
import {
  hasEnded,
  language,
  linkTo,
  route,
  SCREENS,
  type Screen,
  session,
  toFailure,
  words,
} from './state.ts';
import { Why } from './why.tsx';

const PAGES: Record<Screen, () => preact.JSX.Element> = {
  why: Why,
  person: Person,
  room: Room,
  film: Film,
  decisions: Decisions,
  changes: ImportAndChanges,
};

function App() {
  const [failure, setFailure] = useState<Failure>();
  const load = () => {
    setFailure(undefined);
    whoAmI().then(
      (known) => {
        session.value = known;
      },
      (error) => {
        const reason = toFailure(error);
        if (session.value !== null) setFailure(reason);
      },
    );
  };
  useEffect(load, []);
  const text = words.value;
  const Page = session.value?.directory === false ? Decisions : PAGES[route.value.screen];
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        {text.skip}
      </button>
      <Header />
      <main id="content" tabIndex={-1}>
        {failure && <Failed failure={failure} again={load} />}
        {session.value === null && <SignIn />}
        {session.value && <Page />}
      </main>
      <Dialog />
    </>
  );
}

/** A button, as a link to a part of the page would leave the screen, which is what stands behind #. */
function skip(): void {
  document.getElementById('content')?.focus();
}

function Header() {
  const text = words.value;
  const known = session.value;
  const shown = known?.directory ? SCREENS : SCREENS.filter((name) => name === 'decisions');
  const leave = () => {
    signOut().catch(() => {});
    session.value = null;
    hasEnded.value = false;
  };
  return (
    <header>
      {known && (
        <nav aria-label={text.product}>
          {shown.map((screen) => (
            <a
              key={screen}
              href={linkTo(screen)}
              {...(route.value.screen === screen && { 'aria-current': 'page' as const })}
            >
              {text.nav[screen]}
            </a>
          ))}
        </nav>
      )}
      <p class="buttons">
        {known && <span class="soft">{text.signedInAs(known.name, known.role)}</span>}
        <button
          type="button"
          lang={language.value === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => {
            language.value = language.value === 'zh' ? 'en' : 'zh';
          }}
        >
          {text.language}
        </button>
        {known && (
          <button type="button" onClick={leave}>
            {text.signOut}
          </button>
        )}
      </p>
    </header>
  );
}

function SignIn() {
  const [key, setKey] = useState('');
  const [failure, setFailure] = useState<Failure>();
  const text = words.value.signIn;
  const submit = async (event: Event) => {
    event.preventDefault();
    setFailure(undefined);
    try {
      session.value = await signIn(key.trim());
      hasEnded.value = false;
    } catch (error) {
      setFailure(toFailure(error));
      hasEnded.value = false;
    }
  };
  return (
    <>
      <h1>{text.title}</h1>
      {hasEnded.value && !failure && <p role="status">{text.ended}</p>}
      <p>{text.intro}</p>
      <form onSubmit={submit}>
        <label>
          {text.key}
          <input
            type="password"
            autocomplete="off"
            value={key}
            required
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="strong">
          {text.submit}
        </button>
      </form>
      {failure && <Failed failure={failure} />}
    </>
  );
}

const root = document.getElementById('app');
if (root) render(<App />, root);
