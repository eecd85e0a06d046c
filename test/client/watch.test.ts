import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Answer,
  clientOf,
  issued,
  record,
  refused,
  scripted,
  useFakeTime,
  WANTED,
} from './support.ts';

const SERVICE = 'http://service.test';
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

/** A watch of a service that gives these answers, in a time that the test sets. */
async function watch(...answers: Answer[]) {
  useFakeTime();
  const { fetch, seen } = scripted(...answers);
  const { handlers, ...news } = record();
  const stop = clientOf(SERVICE, { fetch }).watch(WANTED, handlers);
  onTestFinished(stop);
  await pass(0);
  return { stop, seen, ...news };
}

describe('watch', () => {
  it('hands out a new token before the old one expires, until it is stopped', async () => {
    const { stop, seen, tokens, reasons } = await watch(issued(60, '04ONE'), issued(60, '04TWO'));
    await pass(46);
    expect(tokens).toEqual(['04ONE', '04TWO']);
    expect(reasons).toEqual(['first', 'renewed']);
    stop();
    await pass(600);
    expect(seen).toHaveLength(2);
  });

  it('hands out no token that expires no later than the one before', async () => {
    const expireAt = Math.floor(Date.now() / 1000) + 60;
    const one = { status: 200, body: { token: '04ONE', expireAt } };
    const { seen, tokens } = await watch(one, { status: 200, body: { token: '04TWO', expireAt } });
    await pass(55);
    expect(seen.length).toBeGreaterThan(1);
    expect(tokens).toEqual(['04ONE']);
  });

  it('reports an outage when there is no token, and goes on', async () => {
    const outage = refused(503, 'overloaded', 'retry');
    const watching = await watch(outage, outage, outage, outage, issued(3600));
    await pass(3);
    expect(watching).toMatchObject({ tokens: [], denials: ['overloaded'] });
    await pass(5);
    expect(watching).toMatchObject({ tokens: ['04AAAA'], reasons: ['first'] });
  });

  it('reports an outage when the token expires, however long the service wants to be left', async () => {
    const outage = refused(503, 'overloaded', 'retry', { headers: { 'retry-after': '99' } });
    const { seen, denials } = await watch(issued(60), outage);
    await pass(58);
    expect(seen).toHaveLength(2);
    expect(denials).toEqual([]);
    await pass(3);
    expect(denials).toEqual(['overloaded']);
    expect(seen).toHaveLength(2);
  });

  it('reports nothing of an outage that ends before the token does', async () => {
    const outage = refused(503, 'overloaded', 'retry');
    const { tokens, denials } = await watch(issued(60, '04ONE'), outage, issued(3600, '04TWO'));
    await pass(600);
    expect({ tokens, denials }).toEqual({ tokens: ['04ONE', '04TWO'], denials: [] });
  });

  it('asks again when the licence window opens', async () => {
    useFakeTime();
    const availableFrom = Math.floor(Date.now() / 1000) + 7_200;
    const early = refused(403, 'video_not_started', 'wait', { availableFrom });
    const { seen, tokens, denials } = await watch(early, issued(3600));
    expect(denials).toEqual(['video_not_started']);
    await pass(7_190);
    expect(seen).toHaveLength(1);
    await pass(15);
    expect(tokens).toEqual(['04AAAA']);
  });

  it('asks nothing for days before a licence window that opens in the next century', async () => {
    const early = refused(403, 'video_not_started', 'wait', { availableFrom: 4_102_444_800 });
    const { seen } = await watch(early);
    await pass(200_000);
    expect(seen).toHaveLength(1);
  });

  it.each(['sign_in', 'contact_support', 'leave_room', 'choose_another_video', 'fix_request'])(
    'ends after a refusal with the action %s',
    async (action) => {
      const { seen, denials } = await watch(refused(403, 'room_not_allowed', action));
      await pass(600);
      expect({ denials, asked: seen.length }).toEqual({ denials: ['room_not_allowed'], asked: 1 });
    },
  );

  it('reports nothing after a watch was stopped, not even a reply that was under way', async () => {
    useFakeTime();
    const { handlers, tokens, denials } = record();
    const { promise, resolve } = Promise.withResolvers<Response>();
    const stop = clientOf(SERVICE, { fetch: () => promise }).watch(WANTED, handlers);
    await pass(0);
    stop();
    resolve(new Response('{"token":"04BBBB","expireAt":4102444800}'));
    await pass(5);
    expect([...tokens, ...denials]).toEqual([]);
  });

  it('shares its request with another caller for the same token', async () => {
    const { fetch, seen } = scripted(issued(3600));
    const client = clientOf(SERVICE, { fetch });
    onTestFinished(client.watch(WANTED, record().handlers));
    await client.get(WANTED);
    expect(seen).toHaveLength(1);
  });
});
