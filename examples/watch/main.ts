import { attachPlayer, createVideoTokenClient, type PlayerState } from '../../client/src/index.ts';
import { type Choice, choose, focusOn, NOBODY, offerChoices } from './choices.ts';
import { readDirectory } from './directory.ts';
import { createTokenPanel, element, listRefusals, say, showState, translate } from './screen.ts';
import { words } from './words.ts';

// So short that a visitor sees the film play on after the token has expired.
const SESSION_SECONDS = 60;

const { url } = await (await fetch('/service')).json();
const directory = readDirectory(await (await fetch('/examples/directory.ndjson')).text());

let choice: Choice = { user: NOBODY, roomId: '', videoId: '' };
let session = openSession(NOBODY);
let now: PlayerState = { state: 'asking' };
const panel = createTokenPanel(() => session.client.now());

translate();
listRefusals();
element('act').addEventListener('click', act);
offerChoices(directory, watch);

/** A client belongs to one user, and so does the player that gets its tokens from it. */
function openSession(user: string) {
  const client = createVideoTokenClient({ url, credential: () => signIn(user) });
  const stage = document.querySelector('.stage') as HTMLElement;
  let entered = '';
  const player = attachPlayer(client, {
    async load(_token, videoId, roomId) {
      if (roomId !== entered) {
        // ZEGO's SDK would log in to the room with this token, and load nothing before.
        const { userId } = await client.roomToken({ roomId });
        entered = roomId;
        panel.report(words.news.entered(roomId, userId));
      }
      // ZEGO's player would stop what plays here, and load the video with the token.
      panel.show(await client.get({ videoId, roomId }));
      panel.report(words.news.received);
    },
    onError(listener) {
      stage.addEventListener('error', listener);
      return () => stage.removeEventListener('error', listener);
    },
    onState: show,
  });
  return { client, player };
}

function watch(next: Choice): void {
  session.player.stop();
  panel.show(undefined);
  if (next.user !== choice.user) {
    session.player.detach();
    session = openSession(next.user);
  }
  choice = next;
  session.player.load(next);
}

/** The app's own sign-in: the demo gives a credential for any user that is named. */
async function signIn(user: string): Promise<string> {
  if (user === NOBODY) return '';
  const body = JSON.stringify({ user, seconds: SESSION_SECONDS });
  const response = await fetch('/sign-in', { method: 'POST', body });
  if (!response.ok) throw new Error(`sign-in answered ${response.status}`);
  const { credential } = await response.json();
  return credential;
}

function show(state: PlayerState): void {
  now = state;
  const index = directory.films.findIndex(({ id }) => id === choice.videoId);
  showState(directory.films[index]?.title ?? choice.videoId, index, state);
  if (state.state === 'refused' || state.state === 'failed') panel.show(undefined);
  if (state.state === 'refused' || state.state === 'slow') {
    panel.report(words.news.refused(state.cause?.code));
    // For the developer: the sentence of the service, or of the client.
    if (state.cause)
      console.warn(state.cause.code, state.cause.message, state.cause.requestId ?? '');
  }
  if (state.state === 'offline') panel.report(words.news.offline);
  if (state.state === 'failed') panel.report(words.news.failed);
}

/** Does what the button on the screen offers. */
async function act(): Promise<void> {
  const cause = now.state === 'refused' ? now.cause : undefined;
  if (cause?.action === 'choose_another_video') focusOn('film');
  else if (cause?.action === 'leave_room') focusOn('room');
  else if (cause?.requestId && /^(contact_support|fix_request)$/.test(cause.action)) {
    await copy(cause.requestId);
  } else if (choice.user === NOBODY) choose('user', directory.users[0]?.id ?? '');
  // Signs in again as the same user, or loads again after a failure.
  else watch(choice);
}

async function copy(text: string): Promise<void> {
  const copied = await navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
  say('act', copied ? words.copied : words.notCopied);
}
