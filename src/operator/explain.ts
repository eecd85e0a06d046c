import type { AccessRequest, AccessService, Explanation } from '../access/access.ts';
import { UnknownMomentError } from '../directory/changes.ts';
import { PROBLEM_TYPES } from '../http/problems/table.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

/** Prints an access decision with its reasons; returns whether access is allowed. */
export async function explainAccess(
  service: AccessService,
  request: AccessRequest,
  now: number,
  at: number | undefined,
  { json, terminal }: Output,
): Promise<boolean> {
  if (!service.explain) {
    throw new Error(
      'explain needs ACCESS_MODE=sqlite or postgres: with http your own backend decides, with claims the JWT.',
    );
  }
  const explanation =
    at === undefined || !service.explainPast
      ? await service.explain(request, now)
      : await service.explainPast(request, at).catch(describeMoment);
  terminal.print(json ? printableJson(explanation) : render(explanation, terminal));
  return explanation.decision.allow;
}

/** @throws {Error} that names the option */
function describeMoment(error: unknown): never {
  throw error instanceof UnknownMomentError ? new Error(`--at ${error.message}.`) : error;
}

function render({ decision, rules }: Explanation, terminal: Terminal): string {
  const lines = rules.map(({ rule, holds, fact }) =>
    verdict(terminal, holds, `${rule} ${terminal.style('dim', `(${printable(fact)})`)}`),
  );
  if (decision.allow) return [...lines, '', 'A token would be issued.'].join('\n');
  const { title, action } = PROBLEM_TYPES[decision.code];
  const answer = `The client is told: ${decision.code} (${title}), action ${action}.`;
  return [...lines, '', answer].join('\n');
}
