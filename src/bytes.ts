const NOTHING = Buffer.alloc(0);

/** Bytes that come in pieces, kept in one buffer: a piece of one byte would take 400 bytes of memory. */
export type ByteBuffer = {
  length(): number;
  add(piece: Uint8Array): void;
  /** What was added, which is not kept. */
  take(): Buffer;
};

/** @param expected how many bytes will probably be added */
export function createByteBuffer(expected = 0): ByteBuffer {
  let bytes = Buffer.allocUnsafe(expected);
  let length = 0;
  return {
    length: () => length,
    add(piece) {
      const needed = length + piece.length;
      if (needed > bytes.length) bytes = Buffer.concat([bytes.subarray(0, length)], 2 * needed);
      bytes.set(piece, length);
      length = needed;
    },
    take() {
      const taken = bytes.subarray(0, length);
      bytes = NOTHING;
      length = 0;
      return taken;
    },
  };
}
