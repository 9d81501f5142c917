import { assert } from '../assert.ts';
import type { Position } from '../position.ts';
import type { Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord, ExecuteRequest, ReadRequest, ReplicaAnswer } from '../protocol/messages.ts';

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
      readonly to: ReplicaRef;
      readonly request: ExecuteRequest;
      readonly timeout_ms: number;
      /** Whether it can change the database, so that a lost answer leaves the outcome open. */
      readonly mayWrite: boolean;
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
  /** The replica did not serve: for a while, reads are to go elsewhere. */
  | { readonly kind: 'avoid'; readonly replica: ReplicaRef }
  /** The record turned out to be stale: whoever remembers it must ask the directory next time. */
  | { readonly kind: 'forget'; readonly database: string }
  /** Ask the directory, whatever is remembered. */
  | { readonly kind: 'look-up'; readonly database: string };

export type Reply =
  | { readonly kind: 'answered'; readonly answer: ReplicaAnswer }
  | { readonly kind: 'seen'; readonly position: Position | null }
  | { readonly kind: 'advanced' }
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
