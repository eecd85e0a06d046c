/** The `payload` of a ZEGO video token. */
export type VideoPayload = { roomId: string; videoId: string };

/** Encodes the JSON text that ZEGO's video service expects. */
export function encodeVideoPayload({ roomId, videoId }: VideoPayload): string {
  return JSON.stringify({ room_id: roomId, video_id: videoId });
}

/** The `payload` of a token for one room (ZEGO, "Use tokens for authentication"). */
export type RoomPayload = {
  roomId: string;
  /** The user may send streams. */
  publish: boolean;
  /** The only streams that may be sent; null for any. ZEGO does not check an empty list. */
  streamIds: readonly string[] | null;
};

/** Encodes the JSON text that ZEGO's privilege check expects: 1 is to log in, 2 to publish. */
export function encodeRoomPayload({ roomId, publish, streamIds }: RoomPayload): string {
  return JSON.stringify({
    room_id: roomId,
    privilege: { 1: 1, 2: publish ? 1 : 0 },
    stream_id_list: streamIds,
  });
}

/** The `payload` of a basic token. */
export const BASIC_PAYLOAD = '';

/** The kinds of tokens, which differ in their payload alone (ZEGO, "Use tokens for authentication"). */
export type TokenKind = 'video' | 'room' | 'basic';

/** What a payload says, and what ZEGO would not understand in it. */
export type DecodedPayload = {
  kind: TokenKind;
  roomId?: string;
  videoId?: string;
  mistakes: { code: string; message: string }[];
};

/** Reads the payload of any kind of token; undefined if it is none that ZEGO knows. */
export function decodePayload(payload: string): DecodedPayload | undefined {
  if (payload === '') return { kind: 'basic', mistakes: [] };
  const fields = parseObject(payload);
  const { room_id: roomId, video_id: videoId } = fields ?? {};
  if (!fields || typeof roomId !== 'string') return undefined;
  if (typeof videoId === 'string') return { kind: 'video', roomId, videoId, mistakes: [] };
  if (videoId !== undefined || !('privilege' in fields)) return undefined;
  return { kind: 'room', roomId, mistakes: roomMistakes(fields) };
}

function roomMistakes({ privilege, stream_id_list: streams }: Record<string, unknown>) {
  const mistakes: DecodedPayload['mistakes'] = [];
  const isPrivilege =
    typeof privilege === 'object' &&
    privilege !== null &&
    Object.entries(privilege).every(
      ([key, value]) => /^[12]$/.test(key) && (value === 0 || value === 1),
    );
  if (!isPrivilege) {
    const message = 'privilege must be {"1":0|1,"2":0|1}: numbers, 1 to log in, 2 to publish.';
    mistakes.push({ code: 'privilege_invalid', message });
  }
  if (Array.isArray(streams) && streams.length === 0) {
    const message = 'stream_id_list is empty, which ZEGO does not check: use null for all streams.';
    mistakes.push({ code: 'streams_empty', message });
  } else if (!isStreams(streams)) {
    const message = 'stream_id_list must be null or a list of stream ids.';
    mistakes.push({ code: 'streams_invalid', message });
  }
  return mistakes;
}

function isStreams(streams: unknown): boolean {
  if (streams === null || streams === undefined) return true;
  return Array.isArray(streams) && streams.every((id) => typeof id === 'string');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
