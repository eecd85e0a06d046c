import type { Logger } from 'pino';
import { createLogger } from './logger.ts';
import type { Output } from './output.ts';

/** Maximum size of the lines waiting for standard output, which a crash would lose. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Writes one line for each token request, regardless of LOG_LEVEL. */
export type AuditLog = {
  /** Writes a line. While blocked, writes only issued tokens and counts the others. */
  write(event: { outcome: string }): void;
  /** Standard output is blocked: no token may be issued. */
  blocked(): boolean;
};

/** @param logger logs on recovery how many requests were refused without an audit line */
export function createAuditLog(output: Output, logger: Logger): AuditLog {
  const lines = createLogger(output, 'info');
  let refused = 0;
  const blocked = () => {
    const isBlocked = output.failed() || output.waitingBytes() > MAX_WAITING_BYTES;
    if (!isBlocked && refused > 0) {
      logger.warn({ refused }, 'audit log was blocked');
      refused = 0;
    }
    return isBlocked;
  };
  return {
    write(event) {
      if (blocked() && event.outcome !== 'issued') refused++;
      else lines.info(event);
    },
    blocked,
  };
}
