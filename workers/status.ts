import { refuse } from '../shared/failure.ts';
import { comparePositions, type Position } from '../shared/position.ts';
import type { FollowerRef, Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import type { Relayed } from '../shared/protocol/messages.ts';
import type { LineStatus, ReplicaStatus } from '../shared/protocol/status.ts';
import { unavailable } from '../shared/routing/failures.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { logUnexpected } from './failure.ts';

/** A status is asked for most when something hangs, so nothing that hangs may hold it up for long. */
const STATUS_WAIT_MS = 3_000;

type LeaderStatus = Extract<ReplicaStatus, { kind: 'leader' }>;
type FollowerStatus = Extract<ReplicaStatus, { kind: 'follower' }>;

/** What was found out of one follower. */
export interface FollowerReport {
  readonly ref: FollowerRef;
  /** What it says of itself; null where it does not answer, or does not know yet that it follows. */
  readonly own: FollowerStatus | null;
  /** What its leader knows of it; null where the leader does not know of it yet. */
  readonly line: LineStatus | null;
}

export interface PartitionReport {
  readonly leadership: Leadership;
  /** Null where it does not answer. */
  readonly leader: LeaderStatus | null;
  /** How far it was: as it says itself, else as its followers have heard. */
  readonly head: Position;
  readonly followers: readonly FollowerReport[];
}

/**
 * The followers are asked first and the leader after them, so that no follower seems to be ahead of its leader.
 * @throws Refusal `unavailable` where nobody answers
 */
export async function reportOn(c: EdgeContext, leadership: Leadership): Promise<PartitionReport> {
  const { leader: ref, followers } = leadership;
  const answers = await Promise.all(
    followers.map(async (follower) => ({ ref: follower, own: await ownStatus(c, follower) })),
  );
  const applied = answers.flatMap(({ ref: { name }, own }): Relayed[] =>
    own === null || own.applied === null ? [] : [{ follower: name, applied: own.applied }],
  );
  const leader = await leaderStatus(c, ref, applied);
  const heads = answers.flatMap(({ own }) => (own === null ? [] : [own.head]));
  const head = leader?.head ?? heads.toSorted(comparePositions).at(-1) ?? refuse(unavailable());
  const lines = new Map(leader?.followers.map((line) => [line.follower, line]));
  return {
    leadership,
    leader,
    head,
    followers: answers.map((answer) => ({ ...answer, line: lines.get(answer.ref.name) ?? null })),
  };
}

async function leaderStatus(
  c: EdgeContext,
  ref: ReplicaRef,
  appliedOf: readonly Relayed[],
): Promise<LeaderStatus | null> {
  try {
    const status = await statusOf(c, ref, appliedOf);
    return status.kind === 'leader' ? status : null;
  } catch (error) {
    logUnexpected(c, error);
    return null;
  }
}

async function ownStatus(c: EdgeContext, follower: ReplicaRef): Promise<FollowerStatus | null> {
  try {
    const status = await statusOf(c, follower, []);
    return status.kind === 'follower' ? status : null;
  } catch (error) {
    logUnexpected(c, error);
    return null;
  }
}

function statusOf(
  c: EdgeContext,
  { name, region }: ReplicaRef,
  appliedOf: readonly Relayed[],
): Promise<ReplicaStatus> {
  const asked = c.env.REPLICA.getByName(name, { locationHint: region }).status(appliedOf);
  return within(STATUS_WAIT_MS, asked);
}
