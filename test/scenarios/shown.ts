import { decodeEntry, splitEntries } from '../../shared/log/entry.ts';
import { showPosition } from '../../shared/position.ts';
import type { Batch, CopyRequest } from '../../shared/protocol/messages.ts';
import type { PieceRows } from '../../shared/tables/snapshot.ts';
import type { Call, Envelope, Reply } from '../simulator/messages.ts';

/** How a message on the wire reads: `weur -> enam append 1:1..1:3`. */
export function showEnvelope(envelope: Envelope): string {
  const { from, to } = envelope;
  const what = envelope.kind === 'call' ? showCall(envelope.call) : showReply(envelope.reply);
  return `${from} -> ${to} ${what}`;
}

function showCall(call: Call): string {
  switch (call.kind) {
    case 'append':
      return `append ${showBatch(call.batch)}`;
    case 'copy':
      return `copy ${showFrom(call.request.from)}`;
    case 'pull':
      return `pull after ${showPosition(call.request.after)}`;
    default:
      return call.kind;
  }
}

function showFrom(from: CopyRequest['from']): string {
  if (from === null) return 'from the beginning';
  const { end, place } = from;
  const at = place.kind === 'rows' ? `${place.table} after ${place.after ?? 'nothing'}` : place.kind;
  return `from ${showPosition(end)}, ${at}`;
}

function showPiece(text: string | null, piece: PieceRows | null): string {
  const parts = (piece ?? []).map((part) => {
    if (part.kind === 'rows') return `${part.table} ${part.images.replaceAll('\n', ' ')}${part.key === null ? ' to its end' : ''}`;
    return part.kind;
  });
  return [...(text === null ? [] : [showEntries(text)]), ...parts].join(', ');
}

function showEntries(text: string): string {
  const positions = splitEntries(text).map((entry) => showPosition(decodeEntry(entry).position));
  return positions.length === 1 ? positions.join('') : `${positions[0]}..${positions.at(-1)}`;
}

function showBatch({ text, gone, head }: Batch): string {
  if (gone) return `gone (the leader is at ${showPosition(head)})`;
  if (text === null) return `nothing (the leader is at ${showPosition(head)})`;
  return showEntries(text);
}

/** What a call came back with; rows as JSON, one line a statement. */
export function showReply(reply: Reply | null): string {
  if (reply === null) return 'connection broken';
  switch (reply.kind) {
    case 'done':
      return 'body' in reply ? showBody(reply.body) : reply.kind;
    case 'failed':
      return 'failure' in reply ? `${reply.failure.code}: ${reply.failure.detail}` : `failed: ${reply.detail}`;
    case 'behind':
      return `behind at ${showPosition(reply.position)}, waited ${reply.waited_ms} ms`;
    case 'appended':
    case 'gap':
      return `${reply.kind} ${showPosition(reply.applied)}`;
    case 'start':
      return `start at ${showPosition(reply.end)}`;
    case 'piece':
      return `piece at ${showPosition(reply.end)}: ${showPiece(reply.text, reply.piece)}`;
    case 'batch':
      return `batch ${showBatch(reply.batch)}`;
    case 'writes':
      return 'it writes: ask the leader';
    default:
      return reply.kind;
  }
}

interface Body {
  readonly results: readonly { readonly rows: readonly unknown[]; readonly meta: { readonly changes: number } }[];
  readonly receipt: { readonly epoch: number; readonly lsn: number; readonly route: string; readonly waited_ms: number };
}

function showBody(body: string): string {
  const { results, receipt } = JSON.parse(body) as Body;
  const shown = results.map(({ rows, meta }) => (meta.changes > 0 && rows.length === 0 ? `${meta.changes} changed` : JSON.stringify(rows)));
  const waited = receipt.waited_ms > 0 ? `, waited ${receipt.waited_ms} ms` : '';
  return `ok ${receipt.epoch}:${receipt.lsn} (${receipt.route}${waited}) ${shown.join(' ')}`;
}
