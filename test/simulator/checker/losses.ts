import { type Position, showPosition } from '../../../shared/position.ts';
import type { Failover } from '../history.ts';
import { copiesAlong, isAsSafe } from './copies.ts';
import { ByPosition, type Facts } from './facts.ts';

/**
 * In a database that asks for `quorum` or `all`, no acknowledged write is lost that was as durable as that, unless somebody accepted it. In any
 * other, a failover loses what its history says and nothing else, and who held it has kept it.
 */
export function* I9(facts: Facts): Generator<string> {
  yield* lostThoughSafe(facts);
  yield* notKept(facts);
}

/** The writes that may never be lost: acknowledged as durably as the database asks, where it asks for most or for all; else, at a quorum. */
function* safeWrites(
  facts: Facts,
): Generator<{ readonly place: number; readonly op: number; readonly position: Position }> {
  let place = -1;
  for (const [event, copies] of copiesAlong(facts)) {
    place += 1;
    const { mode } = copies;
    if (event.event !== 'ack' || event.durability === null) continue;
    const promised = mode === 'all' ? 'all' : 'quorum';
    if (isAsSafe(event.durability, promised)) yield { place, op: event.op, position: event.position };
  }
}

/** By epoch: those that may lose what was acknowledged, for somebody asked for it since the failover before. */
function acceptedLosses(facts: Facts): ReadonlySet<number> {
  const accepted = new Set<number>();
  let isAccepted = false;
  for (const event of facts.history) {
    if (event.event === 'accepts-loss') isAccepted = true;
    if (event.event !== 'failover') continue;
    if (isAccepted) accepted.add(event.epoch);
    isAccepted = false;
  }
  return accepted;
}

function* lostThoughSafe(facts: Facts): Generator<string> {
  const accepted = acceptedLosses(facts);
  for (const { op, position } of safeWrites(facts)) {
    const by = cutOffBy(facts, position);
    if (by !== null && !accepted.has(by.epoch))
      yield `operation ${op} was acknowledged at ${showPosition(position)}, and epoch ${by.epoch} began after ${showPosition(by.after)}`;
  }
}

/** The first failover after which it was not on the newest chain. */
function cutOffBy({ branches, of }: Facts, position: Position): Failover | null {
  if (branches.isKept(position)) return null;
  return (
    of('failover').find(({ epoch }) => epoch > position.epoch && !branches.isOn(epoch, position)) ?? null
  );
}

/** Whom a failover promotes holds every write that may not be lost. */
export function* F2(facts: Facts): Generator<string> {
  const accepted = acceptedLosses(facts);
  const safe = [...safeWrites(facts)];
  for (const [place, event] of facts.history.entries()) {
    if (event.event !== 'failover' || accepted.has(event.epoch)) continue;
    for (const { op, position } of safe.filter((write) => write.place < place)) {
      const wasKept = facts.branches.isOn(event.epoch - 1, position);
      if (wasKept && !facts.branches.holds(event.after, position))
        yield `${event.leader} was promoted at ${showPosition(event.after)}, without ${showPosition(position)} of operation ${op}`;
    }
  }
}

/** What one replica has, or had and gave back. */
class Held {
  readonly has: Position[] = [];
  readonly everHad = new Set<string>();
  /** `isSure`: it was durable here, or that it was given back is. A crash takes the others, as if they had never been. */
  gaveBack: { readonly position: Position; isSure: boolean }[] = [];
  start = 0;
  durable = 0;

  giveBackTo(lsn: number): void {
    for (let last = this.has.at(-1); last !== undefined && last.lsn > lsn; last = this.has.at(-1)) {
      this.has.pop();
      if (last.lsn > this.start) this.gaveBack.push({ position: last, isSure: last.lsn <= this.durable });
    }
  }

  letGo(isKeptAsLost: (position: Position) => boolean): void {
    const has = this.has.splice(0);
    this.has.push(...has.filter(isKeptAsLost));
    this.giveBackTo(0);
  }

  isDurableAt(lsn: number): void {
    this.durable = lsn;
    for (const one of this.gaveBack) one.isSure = true;
  }

  crashedTo(lsn: number): void {
    this.gaveBack = this.gaveBack.filter(({ isSure }) => isSure);
    while ((this.has.at(-1)?.lsn ?? 0) > lsn) this.has.pop();
  }
}

/**
 * Who rolled back keeps what it gave back, as far as its log still had it, and nothing else: nothing that is on the chain, and nothing that it
 * never had.
 */
function* notKept(facts: Facts): Generator<string> {
  const held = heldBy(facts);
  for (const { replica, entries } of facts.of('kept')) {
    const { gaveBack, everHad } = held.get(replica) ?? new Held();
    const kept = new ByPosition<true>();
    for (const [epoch, lsn] of entries) {
      const position = { epoch, lsn } as Position;
      kept.set(position, true);
      if (facts.branches.isKept(position))
        yield `${replica} has kept ${showPosition(position)} as lost, and it is not`;
      if (!everHad.has(showPosition(position)))
        yield `${replica} has kept ${showPosition(position)} as lost, and never had it`;
    }
    for (const { position } of gaveBack)
      if (!facts.branches.isKept(position) && kept.get(position) === undefined)
        yield `${replica} gave ${showPosition(position)} back, and has not kept it`;
  }
}

/** Along a history, what each replica has had in its log and lost by rolling back, or by a snapshot in its place. */
function heldBy(facts: Facts): ReadonlyMap<string, Held> {
  const all = new Map<string, Held>();
  const of = (replica: string): Held => {
    const known = all.get(replica) ?? new Held();
    all.set(replica, known);
    return known;
  };
  const epochs = new Map<string, number>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'append':
      case 'apply':
        of(event.replica).has.push(event.position);
        of(event.replica).everHad.add(showPosition(event.position));
        break;
      case 'truncate':
        of(event.replica).giveBackTo(event.position.lsn);
        break;
      case 'assigned':
        epochs.set(event.replica, event.epoch);
        break;
      case 'copy-begins': {
        // What is on the chain that it knows comes again with the copy. What is not must have been kept.
        const epoch = epochs.get(event.replica) ?? 0;
        of(event.replica).letGo(({ epoch: its, lsn }) => !facts.branches.isOn(epoch, { epoch: its, lsn }));
        break;
      }
      case 'boot':
        // A crash takes what was not durable, and that was never anybody's.
        if (event.after !== 'rollback') of(event.replica).crashedTo(event.position.lsn);
        break;
      case 'durable':
        of(event.replica).isDurableAt(event.position.lsn);
        break;
      case 'cut':
        of(event.replica).start = event.after;
        break;
      case 'install':
        of(event.replica).start = event.position.lsn;
        break;
      case 'erased':
        all.delete(event.replica);
        break;
      default:
    }
  }
  return all;
}

/** What is derived from an entry goes with it: where a replica has rolled back to, it is as all others were there. */
export function* I12(facts: Facts): Generator<string> {
  const others = new ByPosition<string>();
  const rolledBack = new Map<string, Position>();
  for (const event of facts.history) {
    if (event.event === 'truncate') rolledBack.set(event.replica, event.position);
    if (event.event === 'apply' || event.event === 'append' || event.event === 'erased')
      rolledBack.delete(event.replica);
    if (event.event !== 'digest') continue;
    const known = others.get(event.position);
    others.set(event.position, event.sha256);
    if (rolledBack.has(event.replica) && known !== undefined && known !== event.sha256)
      yield `${event.replica} rolled back to ${showPosition(event.position)}, and is not as others were there`;
  }
}
