import { printable } from '../messages/printable.ts';
import { type Expectations, type Inspection, inspectToken } from './inspection.ts';
import { type Output, type Terminal, table, verdict } from './terminal.ts';

/** Prints the claims and the problems of a token; returns whether ZEGO would accept it now. */
export function inspect(
  token: string,
  expected: Expectations,
  { json, terminal }: Output,
): boolean {
  const inspection = inspectToken(token.trim(), expected);
  terminal.print(json ? JSON.stringify(inspection) : render(inspection, expected.now, terminal));
  return inspection.valid;
}

function render({ claims, mode, problems }: Inspection, now: number, terminal: Terminal): string {
  const lines: string[] = [];
  if (claims) {
    const rows: [string, string][] = [
      ['mode', String(mode)],
      ['app id', String(claims.appId)],
      ['user id', claims.userId],
      ['payload', claims.payload],
      ['created', describeTime(claims.createdAt, now)],
      ['expires', describeTime(claims.expireAt, now)],
      ['nonce', String(claims.nonce)],
    ];
    lines.push(table(terminal, rows), '');
  }
  if (problems.length === 0) lines.push(verdict(terminal, true, 'ZEGO would take this token now.'));
  for (const { code, message, zegoError } of problems) {
    const hint = terminal.style('dim', `(${code}${zegoError ? `, ZEGO error ${zegoError}` : ''})`);
    lines.push(verdict(terminal, false, `${printable(message)} ${hint}`));
  }
  return lines.join('\n');
}

function describeTime(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const text = Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
  const distance = seconds - now;
  return `${text} (${distance < 0 ? `${-distance} s ago` : `in ${distance} s`})`;
}
