/** A text as it could be written down: base64 in each of its three alignments. */
export function writings(text: string): string[] {
  const bytes = Buffer.from(text);
  const shifted = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    return (['base64', 'base64url'] as const).map((encoding) =>
      padded.toString(encoding).slice(shift && 4, -4),
    );
  });
  const hex = bytes.toString('hex');
  return [text, ...shifted, hex, hex.toUpperCase(), encodeURIComponent(text)];
}
