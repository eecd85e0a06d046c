import { ServiceError } from '../../errors.ts';

/** SQLite's own busy handler would block the event loop. */
export const NO_WAIT = { timeout: 0 };

const SQLITE_BUSY = 5;

/** Another connection has the lock (https://sqlite.org/rescode.html#busy). */
export function isLocked(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY;
}

/** @throws {ServiceError} `dependency_unavailable` where `work` throws */
export function orUnavailable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ServiceError ? error : unavailable(error);
  }
}

/** The file cannot be used; `code` is the reason. */
export function unusable(code: string): ServiceError {
  return new ServiceError('dependency_unavailable', { reason: { code } });
}

export function unavailable(cause: unknown): ServiceError {
  return new ServiceError('dependency_unavailable', { cause });
}
