/** The `payload` of a ZEGO video token. */
export type VideoPayload = { roomId: string; videoId: string };

/** Encodes the JSON text that ZEGO's video service expects. */
export function encodeVideoPayload({ roomId, videoId }: VideoPayload): string {
  return JSON.stringify({ room_id: roomId, video_id: videoId });
}

/** The inverse of {@link encodeVideoPayload}; undefined if the text is invalid. */
export function decodeVideoPayload(payload: string): VideoPayload | undefined {
  try {
    const { room_id: roomId, video_id: videoId } = JSON.parse(payload);
    return typeof roomId === 'string' && typeof videoId === 'string'
      ? { roomId, videoId }
      : undefined;
  } catch {
    return undefined;
  }
}
