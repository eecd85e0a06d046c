import type { Logger } from 'pino';
import { createLogger } from './logger.ts';
import type { Output } from './output.ts';

/** Lines that may wait for standard output. A crash can lose as much. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** One line for each request for a token, whatever the level of the other lines. */
export type AuditLog = {
  /** Writes a line. While blocked it writes only those of issued tokens, and counts the others. */
  write(event: { outcome: string }): void;
  /** Standard output does not take its lines: no token may be issued. */
  blocked(): boolean;
};

/** @param logger says on recovery how many requests were refused without a line */
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
