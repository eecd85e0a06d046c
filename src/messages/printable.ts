/** Removes line breaks and control characters from untrusted text, for terminals and logs. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}
