import { assert } from '../assert.ts';
import type { Position } from '../position.ts';
import type { Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { ExecuteRequest, ReadRequest, ReapplyRequest, ReplicaAnswer } from '../protocol/messages.ts';
import type { DatabaseRecord, Suspicion } from '../protocol/directory.ts';
import type { Loss } from '../session/rewind.ts';

/** What a routing wants from the world next. An object that has not answered within `timeout_ms` is given up. */
export type Ask =
  | {
      readonly kind: 'read';
      readonly to: ReplicaRef;
      readonly request: ReadRequest;
      readonly timeout_ms: number;
    }
  | {
      readonly kind: 'execute';
      readonly database: string;
      readonly to: ReplicaRef;
      readonly request: ExecuteRequest;
      readonly timeout_ms: number;
      /** Whether it can change the database, so that a lost answer leaves the outcome open. */
      readonly mayWrite: boolean;
      /** What the directory is to be told where no answer comes for a while: see `suspect`. Null where it does not want to know. */
      readonly suspicion: Suspicion | null;
    }
  /** It is applied once at most, however often it is asked for. */
  | {
      readonly kind: 'reapply';
      readonly to: ReplicaRef;
      readonly request: ReapplyRequest;
      readonly timeout_ms: number;
    }
  /** How far the user's devices have seen the partition. */
  | {
      readonly kind: 'seen';
      readonly record: DatabaseRecord;
      readonly partition: number;
      readonly timeout_ms: number;
    }
  /** Move the user's session object forward. */
  | {
      readonly kind: 'advance';
      readonly record: DatabaseRecord;
      readonly partition: number;
      readonly position: Position;
      readonly timeout_ms: number;
    }
  /** Set the user's session object back from what a failover lost. */
  | {
      readonly kind: 'rewind';
      readonly record: DatabaseRecord;
      readonly partition: number;
      readonly loss: Loss;
      readonly timeout_ms: number;
    }
  /** Go on after so long. */
  | { readonly kind: 'pause'; readonly ms: number }
  /** Tell the directory that the leader did not answer. Nobody waits for what it says, and it need not be told of one leader more than once a second. */
  | { readonly kind: 'suspect'; readonly database: string; readonly suspicion: Suspicion }
  /** The replica did not serve: for a while, reads are to go elsewhere. */
  | { readonly kind: 'avoid'; readonly replica: ReplicaRef }
  /** The record turned out to be stale: whoever remembers it must ask the directory next time. */
  | { readonly kind: 'forget'; readonly database: string }
  /**
   * Ask the directory, whatever is remembered; or, where `mayBeRecent`, take what it told somebody else a moment ago: while a database has no
   * leader, all requests to it do nothing but this.
   */
  | {
      readonly kind: 'look-up';
      readonly database: string;
      readonly mayBeRecent: boolean;
      readonly timeout_ms: number;
    };

export type Reply =
  | { readonly kind: 'answered'; readonly answer: ReplicaAnswer }
  /** The newest first, and then those of older epochs, which may have been lost. */
  | { readonly kind: 'seen'; readonly positions: readonly Position[] }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'rewound' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'suspected' }
  | { readonly kind: 'avoided' }
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'record'; readonly record: DatabaseRecord }
  /** The object has not begun with it. */
  | { readonly kind: 'overloaded' }
  /** No answer came. Whether it was done, or will be, nobody knows. */
  | { readonly kind: 'lost' };

/** The replies to all asks of one yield, in their order, and the asker's clock in milliseconds. */
export interface Turn {
  readonly replies: readonly Reply[];
  readonly now: number;
}

export interface Served {
  readonly leadership: Leadership;
  readonly answer: ReplicaAnswer;
}

/** Yields what is to be asked, all of one yield at the same time, and ends in what the caller is told. */
export type Routing<T> = Generator<readonly Ask[], T, Turn>;

export function replyAt({ replies }: Turn, place: number): Reply {
  const reply = replies[place];
  assert(reply !== undefined, 'every ask is replied to');
  return reply;
}

export function* askOne(ask: Ask): Routing<Reply> {
  return replyAt(yield [ask], 0);
}
