const EMPTY = Buffer.alloc(0);

/** Collects chunks in one buffer: a separate Buffer for each would cost about 400 bytes. */
export type ByteBuffer = {
  length(): number;
  add(chunk: Uint8Array): void;
  /** Returns the collected bytes and clears the buffer. */
  take(): Buffer;
};

/** @param expected initial capacity in bytes */
export function createByteBuffer(expected = 0): ByteBuffer {
  let bytes = Buffer.allocUnsafe(expected);
  let length = 0;
  return {
    length: () => length,
    add(chunk) {
      const needed = length + chunk.length;
      if (needed > bytes.length) bytes = Buffer.concat([bytes.subarray(0, length)], 2 * needed);
      bytes.set(chunk, length);
      length = needed;
    },
    take() {
      const taken = bytes.subarray(0, length);
      bytes = EMPTY;
      length = 0;
      return taken;
    },
  };
}
