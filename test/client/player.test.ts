import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { attachPlayer, type PlayerOptions, type VideoTokenError } from '../../client/src/index.ts';
import {
  type Answer,
  clientOf,
  issued,
  refused,
  scripted,
  useFakeTime,
  WANTED,
} from './support.ts';

const OTHER = { roomId: 'room', videoId: 'other' };
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

/** A player that a test makes fail, with a client of a service that gives these answers. */
async function attach(answers: Answer[], options: Partial<PlayerOptions> = {}) {
  useFakeTime();
  const { fetch, seen } = scripted(...answers);
  const loads: string[] = [];
  const states: string[] = [];
  const causes: unknown[] = [];
  const sdk = { fail: (_error: unknown) => {}, removed: false };
  const player = attachPlayer(clientOf('http://service.test', { fetch }), {
    load: (token, videoId, roomId) => void loads.push([token, videoId, roomId].join()),
    onError(listener) {
      sdk.fail = listener;
      return () => {
        sdk.removed = true;
      };
    },
    onState({ state, cause }) {
      states.push(state);
      causes.push((cause as VideoTokenError | undefined)?.code ?? cause);
    },
    ...options,
  });
  onTestFinished(player.detach);
  player.load(WANTED);
  await pass(0);
  return { player, sdk, seen, loads, states, causes };
}

/** Stands in for a browser's `navigator.onLine` and its events; sets them. */
function stubConnection(): (onLine: boolean) => void {
  const window = new EventTarget();
  for (const name of ['addEventListener', 'removeEventListener'] as const) {
    vi.stubGlobal(name, window[name].bind(window));
  }
  onTestFinished(() => void vi.unstubAllGlobals());
  return (onLine) => {
    vi.stubGlobal('navigator', { onLine });
    window.dispatchEvent(new Event(onLine ? 'online' : 'offline'));
  };
}

describe('attachPlayer with tokens of 60 s', () => {
  const short = issued(60);

  it('loads a film of two hours once, with one request', async () => {
    const { seen, loads, states } = await attach([short]);
    await pass(7_200);
    expect(loads).toEqual(['04AAAA,film,room']);
    expect(states).toEqual(['asking', 'playing']);
    expect(seen).toHaveLength(1);
  });

  it('loads with a token that lives after a seek, a new film and a reconnect', async () => {
    const { player, seen, loads } = await attach([
      issued(60, '04ONE'),
      issued(60, '04TWO'),
      issued(60, '04THREE'),
    ]);
    await pass(20);
    player.load(WANTED);
    await pass(3_000);
    player.load(OTHER);
    await pass(3_000);
    player.load(OTHER);
    await pass(0);
    expect(loads).toEqual([
      '04ONE,film,room',
      '04ONE,film,room',
      '04TWO,other,room',
      '04THREE,other,room',
    ]);
    expect(seen).toHaveLength(3);
  });

  it('loads again before each expiry with reload: before-expiry', async () => {
    const tokens = Array.from({ length: 9 }, (_, index) => issued(60, `04T${index}`));
    const { loads, player } = await attach(tokens, { reload: 'before-expiry' });
    await pass(100);
    expect(loads).toEqual(['04T0,film,room', '04T1,film,room', '04T2,film,room']);
    player.stop();
    await pass(600);
    expect(loads).toHaveLength(3);
  });

  it('lets a film play on when reload: before-expiry gets no new token', async () => {
    const withdrawn = refused(403, 'video_ended', 'choose_another_video');
    const { loads, states } = await attach([short, withdrawn], { reload: 'before-expiry' });
    await pass(600);
    expect(loads).toHaveLength(1);
    expect(states).toEqual(['asking', 'playing']);
  });
});

describe('attachPlayer after a load that failed', () => {
  const tokens = [issued(3600, '04ONE'), issued(3600, '04TWO'), issued(3600, '04THREE')];

  it('loads once more with a fresh token after an error, and then reports the error', async () => {
    const { sdk, loads, states, causes } = await attach(tokens);
    sdk.fail('error 1');
    await pass(0);
    expect(loads).toEqual(['04ONE,film,room', '04TWO,film,room']);
    sdk.fail('error 2');
    sdk.fail('error 3');
    await pass(600);
    expect(loads).toHaveLength(2);
    expect(states).toEqual(['asking', 'playing', 'asking', 'playing', 'failed']);
    expect(causes.at(-1)).toBe('error 2');
  });

  it('counts a load that rejects and calls the listener as one error', async () => {
    const { sdk, states, seen } = await attach(tokens, { load: () => Promise.reject('broken') });
    await pass(0);
    sdk.fail('broken');
    expect(states).toEqual(['asking', 'asking', 'failed']);
    expect(seen).toHaveLength(2);
  });

  it('loads again after an error that comes a minute or more after the reload', async () => {
    const { sdk, loads } = await attach(tokens);
    sdk.fail('error 1');
    await pass(70);
    sdk.fail('error 2');
    await pass(0);
    expect(loads.at(-1)).toBe('04THREE,film,room');
  });

  it('starts over when the app loads the film again after a failure', async () => {
    const { player, sdk, states } = await attach(tokens);
    sdk.fail('error 1');
    await pass(0);
    sdk.fail('error 2');
    player.load(WANTED);
    await pass(0);
    expect(states.at(-1)).toBe('playing');
  });

  it('reports a failure though the load succeeds after the error', async () => {
    const loads: PromiseWithResolvers<void>[] = [];
    const load = () => {
      loads.push(Promise.withResolvers());
      return loads.at(-1)?.promise;
    };
    const { sdk, states } = await attach(tokens, { load });
    sdk.fail('error 1');
    await pass(0);
    sdk.fail('error 2');
    loads[1]?.resolve();
    await pass(60);
    expect(states).toEqual(['asking', 'asking', 'failed']);
  });

  it('ignores an error that comes before a film is loaded', async () => {
    const { sdk, states, seen } = await attach(['silence']);
    sdk.fail('too early');
    await pass(0);
    expect(states).toEqual(['asking']);
    expect(seen).toHaveLength(1);
  });
});

describe('attachPlayer after stop', () => {
  it('ignores an error that comes after the film was stopped', async () => {
    const { player, sdk, seen } = await attach([issued(60)]);
    player.stop();
    sdk.fail('too late');
    await pass(60);
    expect(seen).toHaveLength(1);
    expect(sdk.removed).toBe(false);
    player.detach();
    expect(sdk.removed).toBe(true);
  });

  it('leaves no timer behind when a film is stopped', async () => {
    const { player, states } = await attach(['silence']);
    player.stop();
    await pass(0);
    expect(vi.getTimerCount()).toBe(0);
    await pass(60);
    expect(states).toEqual(['asking']);
  });

  it('gets no new tokens for a film that was stopped while it loaded', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { player, seen } = await attach([issued(60)], {
      load: () => promise,
      reload: 'before-expiry',
    });
    player.stop();
    resolve();
    await pass(600);
    expect(seen).toHaveLength(1);
  });
});

describe('attachPlayer while a viewer waits', () => {
  it('reports within 5 s, and every 5 s, that no answer comes', async () => {
    const { states, causes } = await attach(['silence']);
    await pass(4.9);
    expect(states).toEqual(['asking']);
    await pass(5.1);
    expect(states).toEqual(['asking', 'slow', 'slow']);
    expect(causes).toEqual([undefined, undefined, undefined]);
  });

  it('reports at once that the service asks for time, and why', async () => {
    const headers = { 'retry-after': '30' };
    const busy = refused(429, 'rate_limited', 'retry', { headers });
    const { states, causes } = await attach([busy, issued(60)]);
    expect(states).toEqual(['asking', 'slow']);
    expect(causes.at(-1)).toBe('rate_limited');
    await pass(31);
    expect(states.at(-1)).toBe('playing');
  });

  it('does not report a failure that is over within a second', async () => {
    const { states } = await attach([refused(500, 'internal_error', 'retry'), issued(60)]);
    await pass(1);
    expect(states).toEqual(['asking', 'playing']);
  });

  it('reports an outage until the film plays by itself', async () => {
    const outage = refused(503, 'dependency_unavailable', 'retry');
    const { states, causes } = await attach([...Array(8).fill(outage), issued(60)]);
    await pass(60);
    expect(causes[1]).toBe('dependency_unavailable');
    expect(states.slice(0, -1).every((state) => state === 'asking' || state === 'slow')).toBe(true);
    expect(states.at(-1)).toBe('playing');
  });

  it('reports that the player is slow to load', async () => {
    const { states } = await attach([issued(60)], { load: () => new Promise(() => {}) });
    await pass(6);
    expect(states).toEqual(['asking', 'slow']);
  });

  it('reports when a film starts, and loads it then', async () => {
    useFakeTime();
    const availableFrom = Math.floor(Date.now() / 1000) + 7_200;
    const early = refused(403, 'video_not_started', 'wait', { availableFrom });
    const { states, seen } = await attach([early, issued(60)]);
    await pass(7_190);
    expect(new Set(states)).toEqual(new Set(['asking', 'refused']));
    expect(seen).toHaveLength(1);
    await pass(20);
    expect(states.at(-1)).toBe('playing');
  });

  it.each(['sign_in', 'contact_support', 'leave_room', 'choose_another_video', 'fix_request'])(
    'reports a refusal with the action %s once',
    async (action) => {
      const { states, causes, seen } = await attach([refused(403, 'room_not_allowed', action)]);
      await pass(600);
      expect(states).toEqual(['asking', 'refused']);
      expect(causes.at(-1)).toBe('room_not_allowed');
      expect(seen).toHaveLength(1);
    },
  );

  it('reports that the device is offline, before a load and while a film plays', async () => {
    const setOnline = stubConnection();
    setOnline(false);
    const offline = () => {
      throw new TypeError('Failed to fetch');
    };
    const { player, states, causes } = await attach([
      offline,
      offline,
      offline,
      offline,
      issued(60),
    ]);
    expect(states).toEqual(['offline', 'offline']);
    expect(causes.at(-1)).toBe('network_error');
    await pass(3);
    setOnline(true);
    await pass(0);
    expect(states.slice(-2)).toEqual(['asking', 'playing']);
    setOnline(false);
    setOnline(true);
    await pass(0);
    expect(states.slice(-2)).toEqual(['offline', 'playing']);
    player.stop();
    setOnline(false);
    await pass(60);
    expect(states.at(-1)).toBe('playing');
  });
});

describe('attachPlayer with another film', () => {
  it('loads the film that was chosen last, when two are asked for', async () => {
    const { player, loads, states } = await attach(['silence', issued(60)]);
    player.load(OTHER);
    await pass(60);
    expect(loads).toEqual(['04AAAA,other,room']);
    expect(states).toEqual(['asking', 'asking', 'playing']);
  });
});
