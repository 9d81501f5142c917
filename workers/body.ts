import { refuse } from '../shared/failure.ts';
import { BODY_BYTES_MAX } from '../shared/limits.ts';

/** The bytes of a body, which are what an Idempotency-Key's fingerprint is made of, and the text that they say. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** Of a body that is refused, so much is read and thrown away. */
const DISCARDED_BYTES_MAX = 8 * BODY_BYTES_MAX;

/** @throws Refusal `too-large`; `invalid-request` where the body is not UTF-8 */
export async function readBody(request: Request): Promise<Body> {
  const declared = request.headers.get('content-length');
  const isTooLong = declared !== null && Number(declared) > BODY_BYTES_MAX;
  const isKnown = declared !== null && !isTooLong;
  const bytes = isKnown ? new Uint8Array(await request.arrayBuffer()) : await readBounded(request);
  return { bytes, text: decode(bytes) };
}

/**
 * A sender that declares no length may go on for ever, so it is counted while it sends. What is too much is read to its
 * end, within reason, and not kept: a sender whose connection is cut while it sends never sees the refusal.
 */
async function readBounded(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > DISCARDED_BYTES_MAX) break;
    if (length <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  if (length > BODY_BYTES_MAX) tooLarge();
  const bytes = new Uint8Array(length);
  let filled = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return refuse({ code: 'invalid-request', detail: 'The body is not UTF-8.' });
  }
}

function tooLarge(): never {
  refuse({
    code: 'too-large',
    detail: `The body is larger than ${BODY_BYTES_MAX} bytes. Send it in several requests.`,
    limit: BODY_BYTES_MAX,
  });
}
