/** What the `payload` of a ZEGO video token says. */
export type VideoPayload = { roomId: string; videoId: string };

/** The JSON text that ZEGO's video service reads. */
export function encodeVideoPayload({ roomId, videoId }: VideoPayload): string {
  return JSON.stringify({ room_id: roomId, video_id: videoId });
}

/** The reverse of {@link encodeVideoPayload}; undefined when the text is of another form. */
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
