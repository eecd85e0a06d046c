import { createHash } from 'node:crypto';

const INDEX_BITS = 12;
const REGISTERS = 2 ** INDEX_BITS;
/** Bias correction for 2^12 registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** Counts different texts in 4 kB, however many there are, within about 2 %. */
export type DistinctCounter = { add(text: string): void; count(): number };

/** HyperLogLog (Flajolet et al., 2007), with linear counting where few registers are set. */
export function createDistinctCounter(): DistinctCounter {
  const registers = new Uint8Array(REGISTERS);
  return {
    add(text) {
      const hash = createHash('md5').update(text).digest();
      const index = hash.readUInt32BE(0) >>> (32 - INDEX_BITS);
      const rank = Math.clz32(hash.readUInt32BE(4)) + 1;
      if (rank > (registers[index] ?? 0)) registers[index] = rank;
    },
    count() {
      const sum = registers.reduce((total, rank) => total + 2 ** -rank, 0);
      const empty = registers.filter((rank) => rank === 0).length;
      const estimate = (ALPHA * REGISTERS ** 2) / sum;
      const few = estimate <= 2.5 * REGISTERS && empty > 0;
      return Math.round(few ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
    },
  };
}
