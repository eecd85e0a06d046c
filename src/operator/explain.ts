import type { AccessRequest, AccessService, Explanation } from '../access/access.ts';
import { UnknownMomentError } from '../directory/changes.ts';
import type { ErrorCode } from '../errors.ts';
import { PROBLEM_TYPES } from '../http/problems/table.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

const NO_DIRECTORY =
  'explain needs ACCESS_MODE=sqlite or postgres: with http your own backend decides, with claims the JWT.';

/** Prints an access decision with its reasons; returns whether access is allowed. */
export async function explainAccess(
  service: AccessService,
  request: AccessRequest,
  now: number,
  at: number | undefined,
  { json, terminal }: Output,
): Promise<boolean> {
  if (!service.explain) {
    throw new Error(NO_DIRECTORY);
  }
  const explanation =
    at === undefined || !service.explainPast
      ? await service.explain(request, now)
      : await service.explainPast(request, at).catch(describeMoment);
  terminal.print(json ? printableJson(explanation) : render(explanation, terminal));
  return explanation.decision.allow;
}

/** Prints a decision about a room token with its reasons; returns whether the user may have it. */
export async function explainEntry(
  { explainEntry }: AccessService,
  question: { userId: string; roomId: string; publish: boolean },
  { json, terminal }: Output,
): Promise<boolean> {
  if (!explainEntry) throw new Error(NO_DIRECTORY);
  const explanation = await explainEntry(question);
  const { code, rules } = explanation;
  terminal.print(json ? printableJson(explanation) : renderRules(rules, code, terminal));
  return code === undefined;
}

/** @throws {Error} that names the option */
function describeMoment(error: unknown): never {
  throw error instanceof UnknownMomentError ? new Error(`--at ${error.message}.`) : error;
}

function render({ decision, rules }: Explanation, terminal: Terminal): string {
  return renderRules(rules, decision.allow ? undefined : decision.code, terminal);
}

function renderRules(
  rules: Explanation['rules'],
  code: ErrorCode | undefined,
  terminal: Terminal,
): string {
  const lines = rules.map(({ rule, holds, fact }) =>
    verdict(terminal, holds, `${rule} ${terminal.style('dim', `(${printable(fact)})`)}`),
  );
  if (code === undefined) return [...lines, '', 'A token would be issued.'].join('\n');
  const { title, action } = PROBLEM_TYPES[code];
  const answer = `The client is told: ${code} (${title}), action ${action}.`;
  return [...lines, '', answer].join('\n');
}
