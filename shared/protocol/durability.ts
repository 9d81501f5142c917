import { type Leadership, membersOf } from './assignment.ts';
import type { Durability } from './settings.ts';

/** At how many replicas, the leader among them, an entry must be durable. `replicas`: the leader and its members. */
const COPIES: Readonly<Record<Durability, (replicas: number) => number>> = {
  async: () => 1,
  'semi-sync': () => 2,
  quorum: (replicas) => Math.floor(replicas / 2) + 1,
  all: (replicas) => replicas,
};

export function copiesNeeded(durability: Durability, leadership: Leadership): number {
  return copiesAmong(durability, 1 + membersOf(leadership).length);
}

/** The same where the leader and its members are so many. */
export function copiesAmong(durability: Durability, replicas: number): number {
  return COPIES[durability](replicas);
}

/** How many members a database must have for the mode to say more than `async` does. */
export const MEMBERS_MIN: Readonly<Record<Durability, number>> = {
  async: 0,
  'semi-sync': 1,
  quorum: 1,
  all: 1,
};
