import type { VideoToken } from '../../client/src/index.ts';
import { element, say } from './element.ts';

const NEWS = 4;

/** Shows how long the token lives yet, and what has happened to it. */
export function createLife(now: () => number) {
  let token: VideoToken | undefined;
  let span = 1;
  const draw = () => {
    const left = token ? Math.max(0, token.expireAt - now()) : 0;
    element('ring').style.strokeDashoffset = String(100 - (100 * left) / span);
    say('left', token ? `${Math.ceil(left)} s left` : 'No token');
    say(
      'note',
      token ? `${token.token.slice(0, 12)}… is renewed before it ends` : 'Nothing to renew',
    );
  };
  setInterval(draw, 250);
  return {
    begin(fresh: VideoToken) {
      const isFirst = token === undefined;
      token = fresh;
      span = Math.max(1, fresh.expireAt - now());
      report(isFirst ? 'Token received, film loaded' : 'Token renewed, film loaded again');
      draw();
    },
    end(why?: string) {
      token = undefined;
      if (why) report(`No token: ${why}`);
      draw();
    },
  };
}

function report(text: string): void {
  const line = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString('en-GB');
  line.append(time, text);
  const news = element('news');
  news.prepend(line);
  while (news.children.length > NEWS) news.lastElementChild?.remove();
}
