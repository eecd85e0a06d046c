import { readFileSync } from 'node:fs';
import { exitOnOutputError } from '../../src/operator/failure.ts';

const POLL_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts on a signal, on EPIPE, or when the parent or grandparent process (npm and its shell) has ended. Polls for
 * the latter, because a killed parent causes no event: its children keep its descriptors open.
 */
export function abortOnExit(currentProcess: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const end = () => controller.abort();
  for (const name of SIGNALS) currentProcess.on(name, end);
  for (const stream of [currentProcess.stdout, currentProcess.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' ? end() : exitOnOutputError(error),
    );
  }
  const parent = currentProcess.ppid;
  const grandparent = parentOf(parent);
  const poll = setInterval(() => {
    const isOrphan = currentProcess.ppid !== parent || parentOf(parent) !== grandparent;
    if (isOrphan) end();
  }, POLL_MS);
  poll.unref();
  signal.addEventListener('abort', () => clearInterval(poll), { once: true });
  return signal;
}

/** The parent of a process, from proc(5); undefined on systems other than Linux. */
function parentOf(pid: number): string | undefined {
  try {
    return /.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
