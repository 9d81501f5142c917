import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

// Buffers are used again, because to allocate them costs more than to hash a short text.
const READY = sha256.create();
const WORKING = sha256.create();
const HASH = new Uint8Array(32);
const ASCII = new Uint8Array(8192);

/** SHA-256 of the text in UTF-8. The bytes are good until the next call. */
export function sha256Of(text: string): Uint8Array {
  READY._cloneInto(WORKING);
  WORKING.update(bytesOf(text)).digestInto(HASH);
  return HASH;
}

/** Most texts are short and ASCII, and for those the platform's encoder costs more than this loop. */
function bytesOf(text: string): Uint8Array {
  if (text.length > ASCII.length) return utf8ToBytes(text);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return utf8ToBytes(text);
    ASCII[i] = unit;
  }
  return ASCII.subarray(0, text.length);
}
