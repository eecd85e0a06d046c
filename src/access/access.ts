import type { Reason } from '../errors.ts';

/** Unix time in whole seconds. */
export type UnixSeconds = number;

/** The question: may this user load this video in this room? */
export type AccessRequest = {
  userId: string;
  roomId: string;
  videoId: string;
  /** ISO 3166-1 alpha-2, upper case; undefined when not known. */
  country: string | undefined;
  requestId: string;
  /** The user claim as it came, and its issuer; only ACCESS_MODE=http reads them. */
  subject?: string;
  issuer?: string | undefined;
  /** The credential's `video_access` claim, unchecked; only ACCESS_MODE=claims reads it. */
  videoAccess?: unknown;
};

/** Why access is denied; each is a code of the HTTP contract. */
export const ACCESS_DENIALS = [
  'user_not_allowed',
  'room_not_allowed',
  'video_not_allowed',
  'video_not_started',
  'video_ended',
  'region_not_allowed',
] as const;

export type AccessDenial = (typeof ACCESS_DENIALS)[number];

export type AccessDecision =
  | { allow: true /** End of the licence window. */; notAfter?: UnixSeconds }
  | { allow: false; code: AccessDenial; availableFrom?: UnixSeconds; reason?: Reason };

/** What is known about a user, a room and a video. A part that is undefined does not exist. */
export type AccessFacts = {
  user: { status: 'active' | 'suspended' } | undefined;
  room: { status: 'open' | 'closed'; hasMember: boolean; hasVideo: boolean } | undefined;
  video:
    | {
        status: 'available' | 'withdrawn';
        availableFrom: UnixSeconds | null;
        availableUntil: UnixSeconds | null;
        /** ISO 3166-1 alpha-2 codes; null is everywhere, empty is nowhere. */
        regions: readonly string[] | null;
      }
    | undefined;
  /** Why nothing is known, for the log alone. */
  reason?: Reason;
};

/** Where the facts are. */
export type AccessDirectory = {
  /**
   * The facts for one request, read in one query.
   *
   * @throws {ServiceError} `dependency_unavailable` when there is no answer; never a guess
   */
  facts(request: AccessRequest): Promise<AccessFacts> | AccessFacts;
};

/** Who decides: the rules over a directory, or the team's own backend. */
export type AccessService = {
  /** @throws {ServiceError} `dependency_unavailable` when there is no decision */
  check(request: AccessRequest, now: UnixSeconds): Promise<AccessDecision>;
  /**
   * The decision with its reasons, for the team alone. Absent where the team's own backend decides.
   *
   * @throws {ServiceError} `dependency_unavailable`
   */
  explain?(request: AccessRequest, now: UnixSeconds): Promise<Explanation>;
  /** Checks once at the start, so that a failure is logged. Absent where opening has checked; rejects as `check` does. */
  probe?(): Promise<void>;
  /** True when the last question was answered, or none was asked yet. */
  healthy(): boolean;
  close(): Promise<void>;
};

/** One rule, whether it holds, and the fact behind it. */
type ExplainedRule = { rule: string; holds: boolean; fact: string };

/** A decision with its reasons. */
export type Explanation = {
  decision: AccessDecision;
  /** The first rule that does not hold; null when all do. */
  decidedBy: string | null;
  rules: ExplainedRule[];
  facts: AccessFacts;
};
