/** How many bytes `text` takes in UTF-8; a lone surrogate takes the three of U+FFFD. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Each half of a pair counts 2, which makes the 4 bytes of the pair.
    bytes += unit < 0x800 || isHalfOfPair(text, i) ? 1 : 2;
  }
  return bytes;
}

function isHalfOfPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (isHigh(unit)) return isLow(text.charCodeAt(at + 1));
  return isLow(unit) && isHigh(text.charCodeAt(at - 1));
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** The index of the character at byte `offset` of the text's UTF-8. */
export function indexOfByte(text: string, offset: number): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (bytes >= offset) return i;
    const point = text.codePointAt(i) as number;
    bytes += utf8Length(String.fromCodePoint(point));
    if (point > 0xffff) i += 1;
  }
  return text.length;
}
