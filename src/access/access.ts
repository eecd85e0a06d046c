import type { Reason } from '../errors.ts';

/** Unix time in whole seconds. */
export type UnixSeconds = number;

/** Asks whether a user may load a video in a room. */
export type AccessRequest = {
  userId: string;
  roomId: string;
  videoId: string;
  /** ISO 3166-1 alpha-2, upper case; undefined when unknown. */
  country: string | undefined;
  requestId: string;
  /** The raw user claim and its issuer; used only by ACCESS_MODE=http. */
  subject?: string;
  issuer?: string | undefined;
  /** The credential's `video_access` claim, unchecked; used only by ACCESS_MODE=claims. */
  videoAccess?: unknown;
};

/** The deny codes, which are part of the HTTP contract. */
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
  | {
      allow: true;
      /** End of the licence, with those that touch or overlap it. */
      notAfter?: UnixSeconds;
      /** What was left out of account; only logged. */
      reason?: Reason;
    }
  | { allow: false; code: AccessDenial; availableFrom?: UnixSeconds; reason?: Reason };

/** When and where a video may be shown: `from ≤ now < until`. */
export type Licence = {
  /** Null has no beginning. */
  from: UnixSeconds | null;
  /** Null has no end. */
  until: UnixSeconds | null;
  /** ISO 3166-1 alpha-2 codes; null allows all countries, an empty list none. */
  regions: readonly string[] | null;
};

/** The facts about a user, a room and a video; undefined means that it does not exist. */
export type AccessFacts = {
  user: { status: 'active' | 'suspended' } | undefined;
  room: { status: 'open' | 'closed'; hasMember: boolean; hasVideo: boolean } | undefined;
  video:
    | {
        status: 'available' | 'withdrawn';
        /** None grants nothing. */
        licences: readonly Licence[];
      }
    | undefined;
  /** Why facts are missing or were left out of account; only logged. */
  reason?: Reason;
};

/** The source of facts. */
export type AccessDirectory = {
  /**
   * The facts for one request, read in one query.
   *
   * @throws {ServiceError} `dependency_unavailable` when the directory does not answer
   */
  facts(request: AccessRequest): Promise<AccessFacts> | AccessFacts;
};

/** The deny codes of a room and of a basic token. */
export const ENTRY_DENIALS = [
  'user_not_allowed',
  'room_not_allowed',
  'publish_not_allowed',
] as const;

export type EntryDenial = (typeof ENTRY_DENIALS)[number];

type Asker = Omit<AccessRequest, 'roomId' | 'videoId'>;

/** Asks whether a user may log in to a room, and publish there. */
export type RoomRequest = Asker & { kind: 'room'; roomId: string; publish: boolean };

/** Asks whether a user may have a token that opens any room. */
type BasicRequest = Asker & {
  kind: 'basic';
  /** The credential's claim `basic_token`, unchecked; used only by ACCESS_MODE=claims. */
  basicToken?: unknown;
};

export type EntryRequest = RoomRequest | BasicRequest;

export type EntryDecision =
  | { allow: true; notAfter?: UnixSeconds; reason?: Reason }
  | { allow: false; code: EntryDenial; reason?: Reason };

/** Who may send streams in a room. */
export const PUBLISHERS = ['members', 'hosts', 'nobody'] as const;

type Publishers = (typeof PUBLISHERS)[number];

/** The facts about a user and a room; undefined means that it does not exist. */
export type EntryFacts = Pick<AccessFacts, 'user'> & {
  room:
    | { status: 'open' | 'closed'; hasMember: boolean; publish: Publishers; isHost: boolean }
    | undefined;
};

/** Makes access decisions: by rules over a directory, or by the team's own backend. */
export type AccessService = {
  /** @throws {ServiceError} `dependency_unavailable` when there is no decision */
  check(request: AccessRequest, now: UnixSeconds): Promise<AccessDecision>;
  /**
   * Decides about a token for a room, or for any room.
   *
   * @throws {ServiceError} `dependency_unavailable` when there is no decision
   */
  checkEntry(request: EntryRequest, now: UnixSeconds): Promise<EntryDecision>;
  /**
   * The decision with its reasons, for the team only. Absent when the team's own backend or the JWT decides.
   *
   * @throws {ServiceError} `dependency_unavailable`
   */
  explain?(request: AccessRequest, now: UnixSeconds): Promise<Explanation>;
  /**
   * The decision at a past moment, in Unix milliseconds.
   *
   * @throws {UnknownMomentError} for one that is in the future, or before the changes that are kept
   */
  explainPast?(request: AccessRequest, at: number): Promise<Explanation>;
  /**
   * The reasons of a decision about a room. Absent where there is no directory.
   *
   * @throws {ServiceError} `dependency_unavailable`
   */
  explainEntry?(
    request: Pick<RoomRequest, 'userId' | 'roomId' | 'publish'>,
  ): Promise<EntryExplanation>;
  /** Checks the backend at startup; rejects like `check`. Absent when opening already checks. */
  probe?(): Promise<void>;
  /** False when the last check failed. */
  healthy(): boolean;
  /** The same for a kind of token; absent where all kinds have one source. */
  entryHealthy?(kind: EntryRequest['kind']): boolean;
  close(): Promise<void>;
};

/** Why a user may or may not log in to a room, or publish there. */
export type EntryExplanation = {
  /** Undefined when all rules hold. */
  code: EntryDenial | undefined;
  decidedBy: string | null;
  rules: ExplainedRule[];
};

/** The result of one rule and the fact behind it; null when it could not be checked. */
type ExplainedRule = { rule: string; holds: boolean | null; fact: string };

/** A decision with its reasons. */
export type Explanation = {
  decision: AccessDecision;
  /** The first rule that does not hold; null when all do. */
  decidedBy: string | null;
  rules: ExplainedRule[];
  facts: AccessFacts;
};
