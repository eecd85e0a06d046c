import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A memory limit that the kernel keeps. */
export type MemoryLimit = {
  /** A command in front of which a program runs in the limit, with its own process id. */
  wrapper: readonly string[];
  /** Once its programs have ended. */
  remove(): void;
};

const ROOT = '/sys/fs/cgroup';
const V1 = join(ROOT, 'memory');

/** Makes a cgroup (version 1 or 2) with so much memory; undefined where this machine does not let us. */
export function limitMemory(name: string, bytes: number): MemoryLimit | undefined {
  const isV1 = existsSync(join(V1, 'memory.limit_in_bytes'));
  const folder = join(isV1 ? V1 : ROOT, name);
  try {
    if (!isV1) writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+memory');
    mkdirSync(folder);
    writeFileSync(join(folder, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
  } catch {
    return undefined;
  }
  const enter = `echo $$ > ${join(folder, 'cgroup.procs')}; exec "$@"`;
  return { wrapper: ['/bin/sh', '-c', enter, 'sh'], remove: () => rmdirSync(folder) };
}

/** Resident memory of a process. */
export function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}
