import { readFileSync } from 'node:fs';
import { endUnwritten } from '../../src/operator/failure.ts';

const LOOK_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts when nobody wants the process any more: on a signal, on the first line that nobody reads, or
 * when its parent or the parent of that has ended (npm and its shell). A parent that is killed leaves
 * its descriptors open in its children, so that there is no event to wait for.
 */
export function whenUnwanted(own: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const end = () => controller.abort();
  for (const name of SIGNALS) own.on(name, end);
  for (const stream of [own.stdout, own.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' ? end() : endUnwritten(error),
    );
  }
  const parent = own.ppid;
  const grandparent = parentOf(parent);
  const look = setInterval(() => {
    const isOrphan = own.ppid !== parent || parentOf(parent) !== grandparent;
    if (isOrphan) end();
  }, LOOK_MS);
  look.unref();
  signal.addEventListener('abort', () => clearInterval(look), { once: true });
  return signal;
}

/** From proc(5), behind the name of the program, which may have any character; undefined without Linux. */
function parentOf(pid: number): string | undefined {
  try {
    return /.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
