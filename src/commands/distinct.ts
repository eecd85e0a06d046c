import { hash } from 'node:crypto';

const INDEX_BITS = 12;
const REGISTERS = 2 ** INDEX_BITS;
/** Bias correction for 2^12 registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);
/** A map of more entries would take more than all the registers. */
const MAX_SPARSE = 128;

/** Counts different texts in 4 kB at most, however many there are, within about 2 %. */
export type DistinctCounter = { add(text: string): void; count(): number };

/** HyperLogLog (Flajolet et al., 2007), with linear counting where few registers are set. */
export function createDistinctCounter(): DistinctCounter {
  // There may be a million counters that have seen a text or two.
  const sparse = new Map<number, number>();
  let dense: Uint8Array | undefined;
  return {
    add(text) {
      const digest = hash('md5', text, 'buffer');
      const index = digest.readUInt32BE(0) >>> (32 - INDEX_BITS);
      const rank = Math.clz32(digest.readUInt32BE(4)) + 1;
      if (dense) {
        if (rank > (dense[index] ?? 0)) dense[index] = rank;
        return;
      }
      if (rank > (sparse.get(index) ?? 0)) sparse.set(index, rank);
      if (sparse.size <= MAX_SPARSE) return;
      dense = new Uint8Array(REGISTERS);
      for (const [index, rank] of sparse) dense[index] = rank;
      sparse.clear();
    },
    count: () => estimate(dense?.filter((rank) => rank > 0) ?? [...sparse.values()]),
  };
}

/** From the registers that are set. */
function estimate(ranks: ArrayLike<number>): number {
  const empty = REGISTERS - ranks.length;
  const sum = Array.from(ranks).reduce((total, rank) => total + 2 ** -rank, empty);
  const raw = (ALPHA * REGISTERS ** 2) / sum;
  const few = raw <= 2.5 * REGISTERS && empty > 0;
  return Math.round(few ? REGISTERS * Math.log(REGISTERS / empty) : raw);
}
