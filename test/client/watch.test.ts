import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { answering, clientOf, issued, listen, refused, WANTED } from './support.ts';

const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

/** A watch of that address. */
function watch(url: string) {
  const { watcher, next, tokens, denials } = listen();
  const stop = clientOf(url).watch(WANTED, watcher);
  stops.push(stop);
  return { stop, next, tokens, denials };
}

const soon = () => Math.floor(Date.now() / 1000) + 3;

describe('a watch', { concurrent: true }, () => {
  it('hands out a new token before the old one expires, until it is stopped', async () => {
    const { url, seen } = await answering(issued(10, '04ONE'), issued(10, '04TWO'));
    const { stop, next, tokens } = watch(url);
    await next();
    await next();
    expect(tokens).toEqual(['04ONE', '04TWO']);
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeLessThan(9_500);
    stop();
    await delay(8_000);
    expect(seen).toHaveLength(2);
  });

  it('does not load the film again for a token that lives no longer', async () => {
    const expireAt = Math.floor(Date.now() / 1000) + 12;
    const { url, seen } = await answering(
      { status: 200, body: { token: '04ONE', expireAt } },
      { status: 200, body: { token: '04TWO', expireAt } },
    );
    const { next, tokens } = watch(url);
    await next();
    await delay(10_000);
    expect(seen.length).toBeGreaterThan(1);
    expect(tokens).toEqual(['04ONE']);
  });

  it('tells of an outage when there is no token, and goes on', async () => {
    const outage = refused(503, 'overloaded', 'retry');
    const { url } = await answering(outage, outage, outage, outage, issued(3600));
    const { next, tokens, denials } = watch(url);
    await next();
    expect({ tokens: [...tokens], denials }).toEqual({ tokens: [], denials: ['overloaded'] });
    await next();
    expect(tokens).toEqual(['04AAAA']);
  });

  it('says nothing of an outage while the token lives', async () => {
    const outage = refused(503, 'overloaded', 'retry', { headers: { 'retry-after': '99' } });
    const { url, seen } = await answering(issued(10), outage);
    const { next, denials } = watch(url);
    await next();
    await delay(8_500);
    expect(seen).toHaveLength(2);
    expect(denials).toEqual([]);
  });

  it('asks again when the licence window opens', async () => {
    const opening = soon();
    const early = refused(403, 'video_not_started', 'wait', { availableFrom: opening });
    const { url } = await answering(early, issued(3600));
    const { next, tokens, denials } = watch(url);
    await next();
    expect(denials).toEqual(['video_not_started']);
    await next();
    expect(tokens).toEqual(['04AAAA']);
    expect(Date.now()).toBeGreaterThanOrEqual(opening * 1000 - 1_500);
  });

  it('waits for a window of the next century without asking', async () => {
    const early = refused(403, 'video_not_started', 'wait', { availableFrom: 4_102_444_800 });
    const { url, seen } = await answering(early);
    await watch(url).next();
    await delay(3_000);
    expect(seen).toHaveLength(1);
  });

  it.each(['sign_in', 'contact_support', 'leave_room', 'choose_another_video', 'fix_request'])(
    'ends after a refusal that says %s',
    async (action) => {
      const { url, seen } = await answering(refused(403, 'room_not_allowed', action));
      const { next, denials } = watch(url);
      await next();
      await delay(3_000);
      expect({ denials, asked: seen.length }).toEqual({ denials: ['room_not_allowed'], asked: 1 });
    },
  );

  it('tells nothing after it was stopped, not even what was under way', async () => {
    const { url } = await answering((_request, response) => {
      setTimeout(() => response.end('{"token":"04BBBB","expireAt":4102444800}'), 300);
    });
    const { stop, tokens, denials } = watch(url);
    await delay(100);
    stop();
    await delay(600);
    expect([...tokens, ...denials]).toEqual([]);
  });

  it('shares its request with whoever wants the same token', async () => {
    const { url, seen } = await answering(issued(3600));
    const { watcher } = listen();
    const client = clientOf(url);
    stops.push(client.watch(WANTED, watcher));
    await client.get(WANTED);
    expect(seen).toHaveLength(1);
  });
});
