/** The current time in Unix seconds, the unit of JWTs, tokens and licence windows. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** `work`, or `onLate()` after `ms`. */
export function withDeadline<T>(work: Promise<T>, ms: number, onLate: () => T): Promise<T> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  return Promise.race([work, late.promise.then(onLate)]).finally(() => clearTimeout(timer));
}
