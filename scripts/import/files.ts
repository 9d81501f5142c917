import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Stopped } from './stopped.ts';

const PIECE_BYTES = 1024 * 1024;

/** A file's text, piece by piece, with the bytes read so far. @throws Stopped where it is not UTF-8 */
export async function* readText(
  path: string,
): AsyncGenerator<{ readonly text: string; readonly read: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let read = 0;
  for await (const piece of createReadStream(path, {
    highWaterMark: PIECE_BYTES,
  }) as AsyncIterable<Uint8Array>) {
    const text = decode(decoder, piece, read);
    read += piece.length;
    yield { text, read };
  }
  const text = decode(decoder, null, read);
  if (text !== '') yield { text, read };
}

function decode(decoder: TextDecoder, piece: Uint8Array | null, read: number): string {
  try {
    return piece === null ? decoder.decode() : decoder.decode(piece, { stream: true });
  } catch {
    throw new Stopped(
      `The file is not UTF-8 text (somewhere after byte ${read}). Convert it first, for example with iconv.`,
    );
  }
}

/** SHA-256 in hex of the files' contents, one after another. */
export async function hashFiles(paths: readonly string[], salt: string): Promise<string> {
  const hash = createHash('sha256').update(salt).update('\0');
  for (const path of paths)
    for await (const piece of createReadStream(path, {
      highWaterMark: PIECE_BYTES,
    }) as AsyncIterable<Uint8Array>)
      hash.update(piece);
  return hash.digest('hex');
}
