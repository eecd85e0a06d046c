import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BASIC_PAYLOAD, encodeRoomPayload } from '../../src/token/payload.ts';
import { createGenerator } from '../../src/token04/index.ts';
import { SECRET } from '../support/tokens.ts';

/** Decodes a token04 from ZEGO's description of its bytes, with nothing of src/token04. */
function readPayload(token: string, secret: string): Buffer {
  const bytes = Buffer.from(token.slice(2), 'base64');
  const isGcm = bytes.readUInt16BE(8) === 12;
  const ivEnd = 10 + bytes.readUInt16BE(8);
  const iv = bytes.subarray(10, ivEnd);
  const sealed = bytes.subarray(ivEnd + 2, ivEnd + 2 + bytes.readUInt16BE(ivEnd));
  const decipher = isGcm
    ? createDecipheriv('aes-256-gcm', secret, iv).setAuthTag(sealed.subarray(-16))
    : createDecipheriv('aes-256-cbc', secret, iv);
  const text = Buffer.concat([
    decipher.update(isGcm ? sealed.subarray(0, -16) : sealed),
    decipher.final(),
  ]);
  return Buffer.from(JSON.parse(text.toString()).payload);
}

type Vector = {
  generator: string;
  case: string;
  serverSecret: string;
  token: string;
  claims: { payload: string };
};
const vectors: Vector[] = JSON.parse(
  readFileSync(new URL('../vectors/token04-vendor.json', import.meta.url), 'utf8'),
);

const PAYLOADS: [kind: string, payload: string, bytes: string][] = [
  ['basic', BASIC_PAYLOAD, ''],
  [
    'audience',
    encodeRoomPayload({ roomId: 'room_123', publish: false, streamIds: null }),
    '{"room_id":"room_123","privilege":{"1":1,"2":0},"stream_id_list":null}',
  ],
  [
    'publisher of any stream',
    encodeRoomPayload({ roomId: 'room_123', publish: true, streamIds: null }),
    '{"room_id":"room_123","privilege":{"1":1,"2":1},"stream_id_list":null}',
  ],
  [
    'publisher of two streams',
    encodeRoomPayload({ roomId: "a\\<>;'", publish: true, streamIds: ['s 1', '流🎬'] }),
    '{"room_id":"a\\\\<>;\'","privilege":{"1":1,"2":1},"stream_id_list":["s 1","流🎬"]}',
  ],
];

describe('a decoder that shares no code with the generator', () => {
  it.each(vectors)("reads the payload of ZEGO's generator $generator, $case", (vector) => {
    const { token, serverSecret, claims } = vector;
    expect(readPayload(token, serverSecret).equals(Buffer.from(claims.payload))).toBe(true);
  });

  it.each(
    (['cbc', 'gcm'] as const).flatMap((mode) =>
      PAYLOADS.map(([kind, payload, bytes]) => [mode, kind, payload, bytes] as const),
    ),
  )(
    'reads byte for byte the payload in %s for a token of kind %s',
    (mode, _kind, payload, bytes) => {
      const generate = createGenerator({ appId: 1234567890, secret: SECRET, mode });
      const lives = { createdAt: 1_700_000_000, expireAt: 1_700_003_600 };
      // The second token of a generator is chained to the first.
      for (let n = 0; n < 3; n++) {
        const token = generate({ userId: 'User_123', payload, ...lives });
        expect(readPayload(token, SECRET)).toEqual(Buffer.from(bytes));
      }
    },
  );
});
