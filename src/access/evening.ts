import type { AccessDecision, AccessFacts, UnixSeconds } from './access.ts';
import { decide } from './rules.ts';

/** The decisions at the beginning of a film and for its last second. */
export type EveningDecisions = { atStart: AccessDecision; atEnd: AccessDecision };

/**
 * Decides for a film that runs from `startsAt` until `endsAt`. A licence that ends between the two, with none that
 * goes on, denies the end.
 */
export function decideEvening(
  facts: AccessFacts,
  country: string | undefined,
  startsAt: UnixSeconds,
  endsAt: UnixSeconds,
): EveningDecisions {
  const atStart = decide(facts, { country }, startsAt);
  const gap = atStart.allow && atStart.notAfter !== undefined && atStart.notAfter < endsAt;
  const end = gap ? (atStart.notAfter as UnixSeconds) : endsAt - 1;
  return { atStart, atEnd: decide(facts, { country }, end) };
}
