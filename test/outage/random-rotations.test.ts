import { expect, it } from 'vitest';
import {
  attacker,
  type Entry,
  jwtOf,
  openRotatingProvider,
  POOL,
} from '../support/rotating-provider.ts';

/** Numbers from 0 to below `n`, the same for each seed (mulberry32). */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const STEPS = 15;
const PAUSES = [0, 1, 400, 999, 1_000, 2_500, 4_999, 5_000, 30_000, 54_000, 61_000, 130_000];
/** 1,000 took a minute, and found nothing more. */
const SEQUENCES = Number(process.env.SEQUENCES ?? 100);

/** Runs a random sequence of rotations, outages, forgeries and honest requests. */
async function runSequence(seed: number): Promise<string[]> {
  const random = randomOf(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const hasKids = random(4) > 0;
  const entryOf = (kid = `kid${random(3)}`): Entry => ({
    keys: pick(POOL),
    kid: hasKids ? kid : undefined,
  });
  let signing = entryOf();
  const world = await openRotatingProvider(signing);
  const { provider, ask, pass, now } = world;
  /** JWTs of keys that have been published ever since they were made. */
  let good: { token: string; entry: Entry }[] = [];
  const found: string[] = [];
  const note = (what: string) => void found.push(`seed ${seed}: ${what}`);
  const publish = (entries: Entry[]) => {
    provider.published = entries;
    good = good.filter(({ entry }) => entries.includes(entry));
  };
  const sign = () => {
    const entry = random(5) === 0 ? { ...signing, kid: undefined } : signing;
    const iat = pick([now(), now(), now(), now() + 3, null]);
    good.push({ token: jwtOf(entry, iat, now() + 90_000, `u${random(9)}`), entry: signing });
  };
  const forge = async () => {
    const kid = pick([signing.kid, undefined, 'unknown', 'kid0', 'kid1']);
    const iat = pick([now(), now() - 1_000, now() + 3, null]);
    if ((await ask(jwtOf({ keys: attacker, kid }, iat))) === '200') note('a forgery was taken');
  };
  const toggle = () => {
    provider.isUp = !provider.isUp;
  };
  const rotate = () => {
    signing = entryOf(random(3) === 0 ? signing.kid : undefined);
    const others = provider.published.filter(
      ({ keys, kid }) => keys !== signing.keys && (kid === undefined || kid !== signing.kid),
    );
    publish([signing, ...(random(2) === 0 ? [] : others.slice(0, 3))]);
  };
  const request = async () => {
    sign();
    const outcome = await ask(pick([pick(good), good.at(-1) ?? pick(good)]).token);
    if (outcome !== '200' && !outcome.startsWith('key_') && !outcome.startsWith('dep')) {
      note(`a good credential got ${outcome}`);
    }
  };
  const steps = [rotate, request, request, request, forge, forge, toggle];
  for (let step = 0; step < STEPS; step++) {
    const [before, pause] = [provider.fetches, pick(PAUSES)];
    await pass(pause);
    const refreshes = provider.fetches - before;
    await pick(steps)();
    if (provider.fetches - before - refreshes > 1) note('a request caused two fetches');
    if (refreshes > 1 + pause / 2_000) note('too many fetches');
  }
  provider.isUp = true;
  await pass(31_000);
  sign();
  if ((await ask(good.at(-1)?.token ?? '')) !== '200') note('it did not recover');
  world.close();
  return found;
}

it(`in ${SEQUENCES} random sequences no forgery is taken, and no good credential refused`, async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= SEQUENCES; seed++) found.push(...(await runSequence(seed)));
  expect(found.slice(0, 10)).toEqual([]);
}, 180_000);
