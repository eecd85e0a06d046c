import { useState } from 'preact/hooks';
import { type Failure, find, patch, read, setMember } from './api.ts';
import { Failed } from './parts.tsx';
import { asked, session, time, toFailure, words } from './state.ts';

/** At most this many are counted. */
const COUNTED = 1_000;

/** Who gets the blame, and until when tokens that were made before stay valid. */
function closing(): string[] {
  const text = words.value.ask;
  const until = Math.floor(Date.now() / 1000) + (session.value?.tokenTtlSeconds ?? 0);
  return [text.tokensUntil(time(until)), ...logged()];
}

function logged(): string[] {
  return [words.value.ask.logged(session.value?.name ?? '')];
}

async function countRooms(query: { member?: string; video?: string }): Promise<string> {
  const { found, next } = await find('rooms', { ...query, limit: COUNTED });
  return next === null ? String(found.length) : `${found.length}+`;
}

export async function askMember(userId: string, roomId: string): Promise<void> {
  const text = words.value.ask;
  const { value, etag } = await read('rooms', roomId);
  asked.value = {
    title: text.makeMember(userId, roomId),
    effects: [text.makeMemberEffect(value.videoIds.length), ...logged()],
    act: () => setMember('PUT', roomId, userId, etag),
  };
}

export async function askRemove(userId: string, roomId: string): Promise<void> {
  const text = words.value.ask;
  const { etag } = await read('rooms', roomId);
  asked.value = {
    title: text.takeOut(userId, roomId),
    effects: [text.takeOutEffect, ...closing()],
    act: () => setMember('DELETE', roomId, userId, etag),
  };
}

export async function askRoom(roomId: string, status: 'open' | 'closed'): Promise<void> {
  const text = words.value.ask;
  const { value, etag } = await read('rooms', roomId);
  const members = value.memberIds.length;
  asked.value = {
    title: status === 'open' ? text.openRoom(roomId) : text.closeRoom(roomId),
    effects:
      status === 'open'
        ? [text.openRoomEffect(members), ...logged()]
        : [text.closeRoomEffect(members), ...closing()],
    act: () => patch('rooms', roomId, { status }, etag),
  };
}

export async function askUser(userId: string, status: 'active' | 'suspended'): Promise<void> {
  const text = words.value.ask;
  const [{ etag }, rooms] = await Promise.all([
    read('users', userId),
    countRooms({ member: userId }),
  ]);
  asked.value = {
    title: status === 'active' ? text.reinstate(userId) : text.suspend(userId),
    effects:
      status === 'active'
        ? [text.reinstateEffect(rooms), ...logged()]
        : [text.suspendEffect(rooms), ...closing()],
    act: () => patch('users', userId, { status }, etag),
  };
}

export async function askFilm(videoId: string, status: 'available' | 'withdrawn'): Promise<void> {
  const text = words.value.ask;
  const [{ etag }, rooms] = await Promise.all([
    read('videos', videoId),
    countRooms({ video: videoId }),
  ]);
  asked.value = {
    title: status === 'available' ? text.restore(videoId) : text.withdraw(videoId),
    effects:
      status === 'available'
        ? [text.restoreEffect(rooms), ...logged()]
        : [text.withdrawEffect(rooms), ...closing()],
    act: () => patch('videos', videoId, { status }, etag),
  };
}

type ActionProps = { label: string; ask(): Promise<void>; isStrong?: boolean };

/** A button that reads what a change would do, and asks. */
export function ActionButton({ label, ask, isStrong = false }: ActionProps) {
  const [failure, setFailure] = useState<Failure>();
  const start = () => {
    setFailure(undefined);
    ask().catch((error) => setFailure(toFailure(error)));
  };
  return (
    <>
      <button type="button" class={isStrong ? 'strong' : ''} onClick={start}>
        {label}
      </button>
      {failure && <Failed failure={failure} />}
    </>
  );
}
