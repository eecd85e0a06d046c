import { expect, it } from 'vitest';
import { decodePayload, encodeVideoPayload } from '../../src/token/payload.ts';

it("is the JSON that ZEGO's video service reads", () => {
  const payload = encodeVideoPayload({ roomId: 'room', videoId: 'film' });
  expect(payload).toBe('{"room_id":"room","video_id":"film"}');
  expect(decodePayload(payload)).toEqual({
    kind: 'video',
    roomId: 'room',
    videoId: 'film',
    mistakes: [],
  });
});

it.each(['film', 'null', '[]', '{"room_id":"room"}', '{"room_id":1,"video_id":"film"}'])(
  'is not read from %j',
  (text) => {
    expect(decodePayload(text)).toBeUndefined();
  },
);
