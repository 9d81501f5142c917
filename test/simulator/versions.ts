import { joinEntries, splitEntries } from '../../shared/log/entry.ts';
import { type Batch, MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import { isReplicaCall, type Call, type Envelope, type Reply } from './messages.ts';

const OLD_VERSION = MESSAGE_VERSION - 1;

/**
 * Nodes that run the release before this one, kept for the purpose: its messages have an older version, and its entries an
 * older format in which a change's images stand the other way round. Whoever takes one of them for its own applies nonsense.
 */
export class Versions {
  readonly #old = new Set<string>();

  startOld(node: string): void {
    this.#old.add(node);
  }

  isOld(node: string): boolean {
    return this.#old.has(node);
  }

  upgrade(node: string): void {
    this.#old.delete(node);
  }

  /** What arrives in place of `envelope`: the same, or its old form; or the refusal of old code that got it. */
  translate(envelope: Envelope): { readonly deliver: Envelope } | { readonly refuse: Reply } {
    const isFromOld = this.#old.has(envelope.from);
    if (isFromOld === this.#old.has(envelope.to)) return { deliver: envelope };
    if (envelope.kind === 'call') {
      const { call } = envelope;
      if (!isReplicaCall(call) || SAME_AS_EVER.has(call.kind)) return { deliver: envelope };
      if (!isFromOld) return { refuse: { kind: 'unknown-version', version: MESSAGE_VERSION } };
      return { deliver: { ...envelope, call: inOldForm(call) } };
    }
    const { reply } = envelope;
    if (!isFromOld || reply?.kind !== 'batch') return { deliver: envelope };
    return { deliver: { ...envelope, reply: { kind: 'batch', batch: oldBatch(reply.batch) } } };
  }
}

/** What the directory asks has no version, or one of its own, and is what it was. */
const SAME_AS_EVER: ReadonlySet<string> = new Set(['assign', 'erase', 'status', 'reaches', 'fence']);

function inOldForm(call: Call): Call {
  switch (call.kind) {
    case 'append':
      return { kind: 'append', batch: oldBatch(call.batch) };
    case 'execute':
      return { kind: 'execute', request: { ...call.request, version: OLD_VERSION } };
    case 'read':
      return { kind: 'read', request: { ...call.request, version: OLD_VERSION } };
    case 'pull':
      return { kind: 'pull', request: { ...call.request, version: OLD_VERSION } };
    case 'copy':
      return { kind: 'copy', request: { ...call.request, version: OLD_VERSION } };
    default:
      return call;
  }
}

function oldBatch(batch: Batch): Batch {
  const text = batch.text === null ? null : joinEntries(splitEntries(batch.text).map(oldEntry));
  return { ...batch, version: OLD_VERSION, text };
}

function oldEntry(text: string): string {
  const [head = '', ...changes] = text.split('\n');
  const older = changes.map((line) => {
    const [table = '', before = '', after = ''] = line.split('\t');
    return table === '' ? line : `${table}\t${after}\t${before}`;
  });
  return [head.replace(/^\d+/, '0'), ...older].join('\n');
}
