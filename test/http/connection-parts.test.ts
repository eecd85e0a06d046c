import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLinger } from '../../src/http/linger.ts';
import { createOpenHeads } from '../../src/http/open-heads.ts';
import { createTurns } from '../../src/http/slices.ts';

/** What a socket is asked to do; test/http/connections.test.ts has real ones. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  done: string[] = [];
  destroySoon = () => {};
  end() {
    this.done.push('end');
    return this;
  }
  resume() {
    this.done.push('resume');
    return this;
  }
  pause() {
    this.done.push('pause');
    return this;
  }
  destroy() {
    this.destroyed = true;
    this.emit('close');
    return this;
  }
}

const asSocket = (fake: FakeSocket) => fake as unknown as Socket;

describe('a connection that closes', () => {
  function open(linger = createLinger()) {
    const socket = new FakeSocket();
    const closing = vi.fn();
    const drop = linger.watch(asSocket(socket), closing);
    return { socket, closing, drop };
  }
  const fakeTimers = () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  };

  it('says so, ends its side, reads on, and is destroyed after a second', () => {
    fakeTimers();
    const { socket, closing } = open();
    expect(closing).not.toHaveBeenCalled();
    socket.destroySoon();
    expect(closing).toHaveBeenCalled();
    expect(socket.done).toEqual(['end', 'resume']);
    vi.advanceTimersByTime(999);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
  });

  it('does so once, and not when it is destroyed already', () => {
    fakeTimers();
    const { socket } = open();
    socket.destroySoon();
    socket.destroySoon();
    expect(socket.done).toEqual(['end', 'resume']);
    const gone = open();
    gone.socket.destroyed = true;
    gone.socket.destroySoon();
    expect(gone.socket.done).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('leaves no timer when the client closes first', () => {
    fakeTimers();
    const { socket } = open();
    socket.destroySoon();
    socket.emit('close');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not read before its last answer was sent, and then 256 kB', () => {
    fakeTimers();
    const { socket, drop } = open();
    drop(Buffer.alloc(10));
    expect(socket.done).toEqual(['pause']);
    socket.destroySoon();
    socket.done = [];
    drop(Buffer.alloc(256 * 1024 - 10));
    expect(socket.done).toEqual([]);
    drop(Buffer.alloc(1));
    expect(socket.done).toEqual(['pause']);
  });

  it('is one of 1,024 at most; the one that began first goes, unless it has gone', () => {
    fakeTimers();
    const linger = createLinger();
    const opened = Array.from({ length: 1_027 }, () => open(linger).socket);
    const gone = () => opened.flatMap(({ destroyed }, index) => (destroyed ? [index] : []));
    for (const socket of opened.slice(0, 1_024)) socket.destroySoon();
    expect(gone()).toEqual([]);
    opened[0]?.emit('close');
    opened[1_024]?.destroySoon();
    expect(gone()).toEqual([]);
    opened[1_025]?.destroySoon();
    expect(gone()).toEqual([1]);
    opened[1_026]?.destroySoon();
    expect(gone()).toEqual([1, 2]);
  });
});

describe('an incomplete head', () => {
  const socket = asSocket(new FakeSocket());
  /** Whether a head of these slices has too many lines. */
  const exceeds = (...slices: string[]) => {
    const heads = createOpenHeads();
    return slices.map((slice) => heads.add(socket, Buffer.from(slice))).at(-1);
  };
  const LINE = 'GET / HTTP/1.1\r\n';

  it('may have the request line and 100 header lines', () => {
    expect(exceeds(LINE + 'a: b\r\n'.repeat(100))).toBe(false);
    expect(exceeds(LINE + 'a: b\r\n'.repeat(101))).toBe(true);
    expect(exceeds(LINE, 'a: b\r\n'.repeat(100))).toBe(false);
    expect(exceeds(LINE, 'a: b\r\n'.repeat(50), 'a: b\r\n'.repeat(51))).toBe(true);
  });

  it('is counted by its lines, and without the empty lines before it', () => {
    expect(exceeds(`${LINE}a: ${'b'.repeat(900)}`)).toBe(false);
    expect(exceeds('\r\n'.repeat(200) + LINE)).toBe(false);
    // In a head an empty line is its end, which the parser knows; a slice may begin with one.
    expect(exceeds(LINE + 'a: b\r\n'.repeat(99), '\r\n\r\n')).toBe(true);
  });

  it('is known until it has become a request', () => {
    const heads = createOpenHeads();
    expect(heads.has(socket)).toBe(false);
    heads.add(socket, Buffer.from(LINE));
    expect(heads.has(socket)).toBe(true);
    heads.delete(socket);
    expect(heads.has(socket)).toBe(false);
  });
});

it('eight connections have their turn in an event-loop iteration, in their order', async () => {
  const nextTurn = createTurns();
  const had: number[] = [];
  for (let n = 0; n < 20; n++) nextTurn(() => had.push(n));
  expect(had).toEqual([]);
  const after: number[] = [];
  while (had.length < 20) {
    await nextIteration();
    after.push(had.length);
  }
  expect(after.slice(0, 3)).toEqual([8, 16, 20]);
  expect(had).toEqual([...had].sort((a, b) => a - b));
  nextTurn(() => had.push(20));
  await nextIteration();
  expect(had).toHaveLength(21);
});
