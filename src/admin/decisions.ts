import type { AuditEvent } from '../http/audit.ts';

const KEPT = 500;

/** A decision of this replica. */
export type Decision = AuditEvent & {
  /** Counts the decisions of this process. */
  position: number;
  /** RFC 3339. */
  time: string;
  /** The host name of the replica. */
  replica: string;
};

type FilterField = 'event' | 'outcome' | 'code' | 'requestId' | 'userId' | 'roomId' | 'videoId';

/** What a decision must have, exactly. */
export type DecisionFilter = { [Field in FilterField]?: Decision[Field] | undefined };

/** The last decisions of this replica, in memory. */
export type RecentDecisions = {
  /** The host name of the replica. */
  replica: string;
  add(event: AuditEvent): void;
  /** Newest first; only those before the position `after`. */
  list(filter: DecisionFilter, limit: number, after?: number): Decision[];
  /** Those since a position, oldest first; all where this process has not come so far. */
  since(position: number, filter: DecisionFilter): Decision[];
  /** Where the user was at the last decision that knew a country. */
  countryOf(userId: string): string | undefined;
  /** @returns a function that ends the subscription */
  subscribe(subscriber: Subscriber): () => void;
  /** Ends all subscriptions, and takes no more. */
  end(): void;
};

/** Is told of each decision, and of the end of the replica. */
type Subscriber = { decided(decision: Decision): void; ended(): void };

/**
 * @param replica its host name
 * @param now Unix milliseconds
 */
export function createRecentDecisions(replica: string, now: () => number): RecentDecisions {
  const kept: Decision[] = [];
  const subscribers = new Set<Subscriber>();
  let position = 0;
  let isEnded = false;
  const newest = () => kept.toReversed();
  return {
    replica,
    add(event) {
      position++;
      const decision = { position, time: new Date(now()).toISOString(), replica, ...event };
      if (kept.push(decision) > KEPT) kept.shift();
      for (const { decided } of subscribers) decided(decision);
    },
    list: (filter, limit, after = Number.POSITIVE_INFINITY) =>
      newest()
        .filter((decision) => decision.position < after && matches(decision, filter))
        .slice(0, limit),
    since(start, filter) {
      // A process before this one counted further.
      const first = start > position ? 0 : start;
      return kept.filter((decision) => decision.position > first && matches(decision, filter));
    },
    countryOf: (userId) =>
      newest().find((decision) => decision.userId === userId && decision.country)?.country,
    subscribe(subscriber) {
      // Not before the caller has what ends the subscription.
      if (isEnded) queueMicrotask(subscriber.ended);
      else subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    end() {
      isEnded = true;
      for (const { ended } of subscribers) ended();
      subscribers.clear();
    },
  };
}

/** Whether a decision has every field of a filter. */
export function matches(decision: Decision, filter: DecisionFilter): boolean {
  return Object.entries(filter).every(
    ([name, value]) => value === undefined || decision[name as keyof DecisionFilter] === value,
  );
}
