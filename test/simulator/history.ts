import type { Hash } from '../../shared/log/entry.ts';
import type { Position } from '../../shared/position.ts';
import type { Role } from '../../shared/protocol/assignment.ts';
import type { Effect, View } from './model.ts';

/** One line of a history. README.md says what each means; the checker reads nothing else. */
export type HistoryEvent = { readonly t: number } & Happening;

export type Happening = ClientHappening | ReplicaHappening | WorldHappening;

export type Consistency = 'session' | 'strong' | 'eventual' | 'bounded';

export interface Invoke {
  readonly event: 'invoke';
  readonly op: number;
  readonly client: string;
  /** Those who share it hold one token. */
  readonly session: string;
  /** Whose devices must see what this one writes; null: nobody is logged in. */
  readonly user: string | null;
  readonly consistency: Consistency;
  /** Of a bounded read; null otherwise. */
  readonly staleness_ms_max: number | null;
  readonly need: Position | null;
  /** The operation must have ended within this many milliseconds. */
  readonly bound_ms: number;
  readonly does: Write | Read;
}

export interface Write {
  readonly kind: 'write';
  /** The Idempotency-Key; null without. */
  readonly key: string | null;
  /** Whether the key was another operation's, which had another body: it must be refused. */
  readonly reusesKey: boolean;
  /** What an entry of this operation does to what reads can see, in order. */
  readonly effects: readonly Effect[];
}

export interface Read {
  readonly kind: 'read';
  readonly views: readonly View[];
}

export interface Ok {
  readonly event: 'ok';
  readonly op: number;
  readonly position: Position;
  readonly token: Position | null;
  /** What each statement gave back: of a read, the rows of each view. */
  readonly rows: readonly (readonly (readonly unknown[])[])[];
  /** What the receipt says: the rows were the leader's no longer ago than this. */
  readonly staleness_ms: number;
}

export interface Fail {
  readonly event: 'fail';
  readonly op: number;
  readonly code: string;
  /** The position that the error was given at, where it names one. */
  readonly position: Position | null;
  readonly token: Position | null;
}

export interface Info {
  readonly event: 'info';
  readonly op: number;
  readonly token: Position | null;
}

export type ClientHappening = Invoke | Ok | Fail | Info;

export interface Boot {
  readonly event: 'boot';
  readonly replica: string;
  readonly role: Role;
  readonly position: Position;
  readonly after: 'assignment' | 'crash' | 'eviction' | 'rollback';
}

export interface Append {
  readonly event: 'append';
  readonly replica: string;
  readonly position: Position;
  readonly op: number | null;
}

export interface Apply {
  readonly event: 'apply';
  readonly replica: string;
  readonly position: Position;
  readonly hash: Hash;
  readonly previous: Hash;
}

export interface Send {
  readonly event: 'send';
  readonly replica: string;
  readonly to: string;
  /** The last entry sent and its hash. */
  readonly last: Position;
  readonly hash: Hash;
  readonly entries: number;
}

export interface Ack {
  readonly event: 'ack';
  readonly replica: string;
  readonly op: number;
  readonly position: Position;
  readonly key: string | null;
  /** The hash of the answer's body. */
  readonly body: Hash;
}

/** A follower answered a read, or gave it up, after it had let it wait so long. */
export interface Waited {
  readonly event: 'waited';
  readonly replica: string;
  readonly op: number;
  readonly ms: number;
  readonly allowed_ms: number;
}

export interface DigestTaken {
  readonly event: 'digest';
  readonly replica: string;
  readonly position: Position;
  readonly sha256: string;
}

/** What a replica holds after everything came to rest. */
export interface Final {
  readonly event: 'final';
  readonly replica: string;
  readonly position: Position;
  readonly sha256: string;
  readonly quick_check: string;
  readonly foreign_keys_broken: number;
  readonly log: readonly (readonly [epoch: number, lsn: number, hash: Hash, previous: Hash])[];
}

export type ReplicaHappening =
  | Boot
  | { readonly event: 'crash'; readonly replica: string }
  | Append
  | Apply
  | Send
  | { readonly event: 'durable'; readonly replica: string; readonly position: Position }
  | Ack
  | Waited
  | DigestTaken
  | Final;

export type WorldHappening =
  /** How it begins: the epoch that the partition is in. */
  | { readonly event: 'leadership'; readonly epoch: number }
  /** Not all clocks are right, or are let alone. */
  | { readonly event: 'clocks' }
  | { readonly event: 'pause'; readonly replica: string; readonly ms: number }
  /** The node ran older code until now. */
  | { readonly event: 'upgrade'; readonly replica: string }
  /** No fault any more between these: they must come to one state, whatever becomes of the others. */
  | { readonly event: 'core-heals'; readonly replicas: readonly string[] }
  | { readonly event: 'core-converged'; readonly at: Readonly<Record<string, Position>> }
  | { readonly event: 'faults-stop' }
  /** The end. `planned` events were left when the time to come to rest was over: an idle database has none. */
  | { readonly event: 'rest'; readonly planned: number };

/** One event a line. */
export function toJsonLines(history: readonly HistoryEvent[]): string {
  return history.map((event) => `${JSON.stringify(event)}\n`).join('');
}
