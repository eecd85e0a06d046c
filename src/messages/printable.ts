/**
 * Characters that steer a terminal, end a line, or are not seen: controls, format and bidi marks, line and paragraph
 * separators, tags, variation selectors, lone surrogates and noncharacters.
 */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const PLAIN = /^[ -~]*$/;

/** Removes the characters of untrusted text that a terminal, a log or a table must not get; spaces are one kind. */
export function printable(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, '').replace(/\p{Zs}/gu, ' ');
}

/** Writes a value as JSON on one line, with these characters as escapes. */
export function printableJson(value: unknown): string {
  return escapeUnsafe(JSON.stringify(value));
}

/** Replaces these characters in a line of JSON by escapes, which mean the same to a reader. */
export function escapeUnsafe(json: string): string {
  return /^[ -~]*\n?$/.test(json) ? json : json.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  if (character === '\n') return character;
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
