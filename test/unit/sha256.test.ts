import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256Of } from '../../shared/sha256.ts';

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

it('[LG15] hashes any text as SHA-256 of its UTF-8, whatever was hashed before', () => {
  const texts = fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 100 }));
  fc.assert(
    fc.property(texts, (text) => {
      expect(hexOf(sha256Of(text))).toBe(createHash('sha256').update(text).digest('hex'));
    }),
  );
  for (const length of [0, 55, 56, 64, 8191, 8192, 8193]) {
    const text = 'x'.repeat(length);
    expect(hexOf(sha256Of(text))).toBe(createHash('sha256').update(text).digest('hex'));
  }
});
