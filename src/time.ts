/** The wall clock, in the unit of JWTs, tokens and licence windows. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
