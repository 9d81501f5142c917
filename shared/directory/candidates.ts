import type { ChainEnd } from '../log/entry.ts';
import { type FollowerRef, type Leadership, membersOf, type ReplicaRef } from '../protocol/assignment.ts';
import { shortName } from '../protocol/names.ts';
import type { Durability } from '../protocol/settings.ts';
import { type CountedSet, keptIn, meetsAll, promisesAll } from './counted.ts';
import type { Forced } from './store.ts';

// Who is to lead after a forced failover.

/** What is known once replicas were fenced. */
export interface Heard {
  readonly leadership: Leadership;
  readonly durability: Durability;
  readonly sets: readonly CountedSet[];
  /**
   * By name, of those that are fenced: the end of their log, on the chain of the epoch that ends. It does not move any more, and no
   * leader of that epoch will get another copy out of them: that is why what they have can be counted.
   */
  readonly ends: ReadonlyMap<string, ChainEnd>;
}

export interface Candidate {
  readonly replica: ReplicaRef;
  readonly end: ChainEnd;
}

/** Negative where `a` is before `b`. Both are places of one chain. */
function compareEnds(a: ChainEnd, b: ChainEnd): number {
  return a.epoch - b.epoch || a.lsn - b.lsn;
}

/** The members that can be promoted, the furthest first; among equals, the one that was asked for. */
export function candidatesIn(heard: Heard, wish: Wish): Candidate[] {
  const { ends } = heard;
  const found = electorate(heard, wish).flatMap((member): (Candidate & { wanted: number })[] => {
    const end = ends.get(member.name);
    const replica = { name: member.name, region: member.region };
    return end === undefined ? [] : [{ replica, end, wanted: isMeant(member, wish) ? 0 : 1 }];
  });
  return found
    .toSorted((a, b) => compareEnds(b.end, a.end) || a.wanted - b.wanted)
    .map(({ replica, end }) => ({ replica, end }));
}

type Wish = Pick<Forced, 'to' | 'replica' | 'acceptsLoss'>;

/** Members. One that joins, and has caught up as far as anybody knows, only where loss is accepted and no member has answered: else nobody could ever lead. */
function electorate({ leadership, ends }: Heard, { acceptsLoss }: Wish): readonly FollowerRef[] {
  const members = membersOf(leadership);
  return acceptsLoss && !members.some(({ name }) => ends.has(name)) ? leadership.followers : members;
}

/**
 * The one to promote; null where too few were heard. The old leader leads on only where no other will do: it has all there is, but
 * somebody wanted it replaced.
 */
export function winnerIn(heard: Heard, wish: Wish): Candidate | null {
  const [best] = candidatesIn(heard, wish);
  if (best !== undefined && (wish.acceptsLoss || willDo(heard, best))) return best;
  const { leader } = heard.leadership;
  const end = heard.ends.get(leader.name);
  return end === undefined ? null : { replica: leader, end };
}

/**
 * Whether to promote it loses nothing that a database of this durability promises to keep. Where the old leader was heard, nobody may
 * lose what it still has, whatever the durability: without a word that loss is accepted there is no need to.
 */
function willDo({ leadership, durability, sets, ends }: Heard, best: Candidate): boolean {
  const old = ends.get(leadership.leader.name);
  if (old !== undefined && compareEnds(old, best.end) <= 0) return true;
  if (old !== undefined && !promisesAll(durability)) return false;
  return meetsAll(sets, keptIn(durability), notBeyond(ends, best.end));
}

/** Those whose copies the winner has as well. One that left the database may be further than any member, and be nobody's copy. */
export function notBeyond(ends: ReadonlyMap<string, ChainEnd>, end: ChainEnd): ReadonlySet<string> {
  return new Set([...ends].filter(([, its]) => compareEnds(its, end) <= 0).map(([name]) => name));
}

export function isMeant(follower: FollowerRef, { to, replica }: Pick<Forced, 'to' | 'replica'>): boolean {
  return follower.region === to && (replica === null || shortName(follower) === replica);
}
