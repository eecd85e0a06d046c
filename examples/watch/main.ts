import { createVideoTokenClient, type VideoTokenError } from '../../client/src/index.ts';
import { type Choice, choose, focusOn, offerChoices } from './choices.ts';
import { readDirectory } from './directory.ts';
import { element, say } from './element.ts';
import { createLife } from './life.ts';
import { signIn } from './session.ts';
import { listRefusals, showAsking, showPlaying, showRefusal } from './stage.ts';

const { url } = await (await fetch('/service')).json();
const directory = readDirectory(await (await fetch('/examples/directory.ndjson')).text());

let client = clientOf('');
let stop = () => {};
let refusal: VideoTokenError | undefined;
const life = createLife(() => client.now());

listRefusals();
element('act').addEventListener('click', act);
offerChoices(directory, watch);

/** A client belongs to one user. */
function clientOf(user: string) {
  return createVideoTokenClient({ url, credential: () => signIn(user) });
}

function watch({ user, roomId, videoId }: Choice): void {
  stop();
  life.end();
  client = clientOf(user);
  const index = directory.films.findIndex(({ id }) => id === videoId);
  const film = directory.films[index]?.title ?? videoId;
  showAsking(film, index);
  stop = client.watch(
    { roomId, videoId },
    {
      onToken(token) {
        life.begin(token);
        showPlaying(film);
      },
      onDenied(error) {
        refusal = error;
        life.end(error.code);
        showRefusal(film, error);
      },
    },
  );
}

/** Does what the button on the screen offers. */
async function act(): Promise<void> {
  if (refusal?.action === 'sign_in') choose('user', directory.users[0]?.id ?? '');
  else if (refusal?.action === 'choose_another_video') focusOn('film');
  else if (refusal?.action === 'leave_room') focusOn('room');
  else {
    await navigator.clipboard.writeText(refusal?.requestId ?? '');
    say('act', 'Copied');
  }
}
