import type { LogLimits } from '../../shared/limits.ts';
import type { Hash } from '../../shared/log/entry.ts';
import type { FailoverMode } from '../../shared/log/history.ts';
import type { Position } from '../../shared/position.ts';
import type { Role } from '../../shared/protocol/assignment.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
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
  /** What a write asks to be before it is acknowledged; null for what the database asks, and for reads. */
  readonly durability: Durability | null;
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
  /** Null but for a `session-lost`. */
  readonly lost?: LostOf | null;
}

/** What a session had seen and a failover has cut off, as it was told with this answer; its token was set back to `instead`. */
export interface LostOf {
  readonly epoch: number;
  readonly from_lsn: number;
  readonly to_lsn: number;
  readonly instead: Position;
}

export interface Info {
  readonly event: 'info';
  readonly op: number;
  readonly token: Position | null;
  /** Of a write of which one message may have been applied, and a later one was told so. */
  readonly lost?: LostOf | null;
}

export type ClientHappening = Invoke | Ok | Fail | Info;

export interface Boot {
  readonly event: 'boot';
  readonly replica: string;
  readonly role: Role;
  readonly position: Position;
  readonly after: 'assignment' | 'crash' | 'eviction' | 'rollback';
  /** Its tables are those of no position: a snapshot is being copied, or is yet to be. */
  readonly copying: boolean;
}

/** Who is who in a partition: as the directory decided, or as one replica was told. */
export interface Members {
  readonly epoch: number;
  readonly revision: number;
  readonly durability: Durability;
  readonly leader: string;
  readonly members: readonly string[];
  readonly joining: readonly string[];
}

/** A replica knows this now. */
export interface AssignedTo extends Members {
  readonly event: 'assigned';
  readonly replica: string;
}

/** An epoch begins: the directory has it on disk. */
export interface Failover {
  readonly event: 'failover';
  readonly epoch: number;
  readonly leader: string;
  readonly mode: FailoverMode;
  /** What its log goes on after, whatever older epochs hold beyond it. */
  readonly after: Position;
  /** How far the leader before was, as far as was known. */
  readonly heard: number;
}

/** A replica gave back an entry that a failover had cut off, or several: it is at `position` now; not durable yet. */
export interface Truncate {
  readonly event: 'truncate';
  readonly replica: string;
  readonly position: Position;
}

/** What a replica has kept, at the end, of what failovers cut off. */
export interface Kept {
  readonly event: 'kept';
  readonly replica: string;
  readonly entries: readonly (readonly [epoch: number, lsn: number])[];
}

export interface Append {
  readonly event: 'append';
  readonly replica: string;
  readonly position: Position;
  readonly op: number | null;
  /** Of its text in UTF-8, at most. */
  readonly bytes: number;
}

export interface Apply {
  readonly event: 'apply';
  readonly replica: string;
  readonly position: Position;
  readonly hash: Hash;
  readonly previous: Hash;
  /** That of the leader which it came from. */
  readonly by: number;
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

/** Whether the request bears to be shown what may still be lost. */
export type Shown = 'settled' | 'anything';

export interface Ack {
  readonly event: 'ack';
  readonly replica: string;
  readonly op: number;
  readonly position: Position;
  readonly key: string | null;
  /** The hash of the answer's body. */
  readonly body: Hash;
  /** What its receipt says was met; null for a read. */
  readonly durability: Durability | null;
  readonly shows: Shown;
  /** The replica had half a snapshot when it made the answer. */
  readonly isFromHalf: boolean;
}

/** An answer left that is no yes. */
export interface Refuse {
  readonly event: 'refuse';
  readonly replica: string;
  readonly op: number;
  readonly code: string;
  readonly position: Position;
  readonly shows: Shown;
}

/** A follower begins to copy the leader's tables: what it had is gone. `position` is where they are read. */
export interface CopyBegins {
  readonly event: 'copy-begins';
  readonly replica: string;
  readonly position: Position;
}

/** A piece came: entries up to `position`, and rows as they are there. */
export interface CopyPiece {
  readonly event: 'copy-piece';
  readonly replica: string;
  readonly position: Position;
}

/** The copy is whole and published: this replica is a follower at `position`. */
export interface Install {
  readonly event: 'install';
  readonly replica: string;
  readonly position: Position;
  readonly hash: Hash;
  readonly sha256: string;
}

/** The log holds what follows `after`, and no longer what came before. */
export interface Cut {
  readonly event: 'cut';
  readonly replica: string;
  readonly after: number;
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
  /** What it says of itself: `leader`, or a follower's state; null where it was not asked. */
  readonly state: string | null;
  /** Where the log begins: the hash is that of the entry before its first. */
  readonly start: { readonly lsn: number; readonly hash: Hash };
  /** Of the entries in it. */
  readonly log_bytes: number;
  /** Rows of entries that are in the log no more. */
  readonly log_rows_left: number;
  readonly log: readonly (readonly [epoch: number, lsn: number, hash: Hash, previous: Hash])[];
}

export type ReplicaHappening =
  | Boot
  | { readonly event: 'crash'; readonly replica: string }
  | Append
  | Apply
  | Send
  | { readonly event: 'durable'; readonly replica: string; readonly position: Position }
  /** A copy up to here survives a crash. */
  | { readonly event: 'copied'; readonly replica: string; readonly position: Position }
  | AssignedTo
  /** It takes nothing from an epoch before this one, nor leads in one, and has that on disk. */
  | { readonly event: 'fence'; readonly replica: string; readonly epoch: number }
  | Truncate
  | Kept
  | CopyBegins
  | CopyPiece
  | Install
  | Cut
  | Ack
  | Refuse
  | Waited
  | DigestTaken
  | Final
  /** A replica's storage was deleted. */
  | { readonly event: 'erased'; readonly replica: string }
  /** What a replica that does not belong any more holds at the end: the tables in its storage. */
  | { readonly event: 'left'; readonly replica: string; readonly tables: number };

export type WorldHappening =
  /** What the log may hold, and when a claim to it is lost (LogLimits). */
  | {
      readonly event: 'limits';
      readonly limits: LogLimits;
    }
  /** The directory decided this, and has it on disk. */
  | (Members & { readonly event: 'members' })
  | Failover
  /** The directory was asked for a failover, which may lose what was acknowledged. */
  | { readonly event: 'accepts-loss' }
  /** Some clocks go too fast or too slow, or are set. */
  | { readonly event: 'clocks' }
  /** By more than leases allow for, or nodes stand still for longer than that. */
  | { readonly event: 'beyond-leases' }
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
