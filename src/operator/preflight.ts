import type { AccessDecision } from '../access/access.ts';
import type { Database } from '../directory/database.ts';
import { checkEvening, type Evening, type MemberEvening } from '../directory/evening.ts';
import { PROBLEM_TYPES } from '../http/problems/table.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { type Output, type Terminal, verdict } from './terminal.ts';

/** Prints who will be refused while a film runs; returns whether nobody is. */
export async function preflight(
  database: Database,
  evening: Evening,
  { json, terminal }: Output,
): Promise<boolean> {
  const result = await checkEvening(database, evening);
  if (typeof result === 'string') {
    const id = result === 'room' ? evening.roomId : evening.videoId;
    throw new Error(printable(`There is no ${result} ${id} in the directory; correct the id.`));
  }
  const { members, alternatives } = result;
  const refused = members.filter(({ atStart, atEnd }) => !atStart.allow || !atEnd.allow);
  if (json) terminal.print(printableJson(result));
  else terminal.print(render(members, refused, alternatives, terminal));
  return refused.length === 0;
}

function render(
  members: readonly MemberEvening[],
  refused: readonly MemberEvening[],
  alternatives: readonly string[],
  terminal: Terminal,
): string {
  const unknown = members.filter(({ countryKnown }) => !countryKnown).length;
  const lines =
    refused.length === 0
      ? [verdict(terminal, true, `All ${members.length} members can watch until the end.`)]
      : refused.map((member) => verdict(terminal, false, printable(sentenceOf(member))));
  if (refused.length > 0) lines.push(`${refused.length} of ${members.length} will be refused.`);
  if (unknown > 0) {
    const advice = 'a licence by country counts as not given for them; --country C says where';
    lines.push(terminal.wrap(`The country of ${unknown} members is not known: ${advice}.`));
  }
  if (refused.length > 0 && alternatives.length > 0) {
    const films = printable(alternatives.join(', '));
    lines.push(terminal.wrap(`Every active member could watch: ${films}.`));
  }
  return lines.join('\n');
}

function sentenceOf({ userId, atStart, atEnd }: MemberEvening): string {
  if (!atStart.allow) return `${userId} at the beginning: ${titleOf(atStart)}`;
  return `${userId} before the end: ${titleOf(atEnd)}`;
}

function titleOf(decision: AccessDecision): string {
  return decision.allow ? '' : `${decision.code} (${PROBLEM_TYPES[decision.code].title})`;
}
