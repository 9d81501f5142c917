import { showPosition } from '../../../shared/position.ts';
import type { DigestTaken, Fail, Final, Info, Ok } from '../history.ts';
import { ByPosition, type Facts } from './facts.ts';

/** Replicas at one position have one digest. */
export function* S1(facts: Facts): Generator<string> {
  const known = new ByPosition<DigestTaken | Final>();
  for (const digest of digestsOf(facts)) {
    const { position, replica, sha256 } = digest;
    const other = known.get(position);
    if (other === undefined) known.set(position, digest);
    else if (other.sha256 !== sha256)
      yield `at ${showPosition(position)}, ${replica} differs from ${other.replica}`;
  }
}

/** A snapshot and the log up to its position are one: what was installed is what others have there. */
export function* S2(facts: Facts): Generator<string> {
  const others = new ByPosition<DigestTaken | Final>();
  for (const digest of digestsOf(facts)) others.set(digest.position, digest);
  for (const { replica, position, sha256 } of facts.of('install')) {
    const other = others.get(position);
    if (other !== undefined && other.sha256 !== sha256)
      yield `${replica} installed a snapshot at ${showPosition(position)}, and differs from ${other.replica} there`;
  }
}

/** A snapshot is of one position, at which the leader has looked at its own tables; and until it is whole, nobody is served from it. */
export function* S3(facts: Facts): Generator<string> {
  const copying = new Set<string>();
  const known = new ByPosition<true>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'digest':
        known.set(event.position, true);
        break;
      case 'boot':
        if (event.copying) copying.add(event.replica);
        else copying.delete(event.replica);
        break;
      case 'copy-begins':
        copying.add(event.replica);
        break;
      case 'install':
        copying.delete(event.replica);
        if (known.get(event.position) === undefined)
          yield `${event.replica} was installed at ${showPosition(event.position)}, where no snapshot ended`;
        break;
      case 'ack':
        if (event.isFromHalf) yield `${event.replica} answered operation ${event.op} from half a snapshot`;
        break;
      case 'apply':
        if (copying.has(event.replica))
          yield `${event.replica} had half a snapshot, and applied ${showPosition(event.position)} as if it were whole`;
        break;
      default:
    }
  }
}

/** A follower changes only by apply: while it stands at one position, its digest stays. */
export function* S5(facts: Facts): Generator<string> {
  const known = new Map<string, ByPosition<string>>();
  for (const { replica, position, sha256 } of digestsOf(facts)) {
    const digests = known.get(replica) ?? new ByPosition<string>();
    known.set(replica, digests);
    if ((digests.get(position) ?? sha256) !== sha256)
      yield `${replica} at ${showPosition(position)} changed without an entry`;
    digests.set(position, sha256);
  }
}

/** Those taken under way come before those taken at the end. */
function digestsOf(facts: Facts): readonly (DigestTaken | Final)[] {
  return [...facts.of('digest'), ...facts.finals.filter(({ state }) => state !== 'installing')];
}

/** quick_check and foreign_key_check are clean at rest. */
export function* S6(facts: Facts): Generator<string> {
  for (const { replica, quick_check, foreign_keys_broken } of facts.finals) {
    if (quick_check !== 'ok') yield `quick_check of ${replica}: ${quick_check}`;
    if (foreign_keys_broken > 0) yield `${replica} has ${foreign_keys_broken} rows whose parent is missing`;
  }
}

/** When faults stop for some only, those come to one position within the bound that they were given. */
function* coreConverged(facts: Facts): Generator<string> {
  for (const { at } of facts.of('core-converged')) {
    const [first, ...others] = Object.entries(at);
    for (const [replica, position] of others) {
      if (first === undefined || showPosition(position) === showPosition(first[1])) continue;
      yield `${replica} was still at ${showPosition(position)} long after its faults had stopped, and ${first[0]} at ${showPosition(first[1])}`;
    }
  }
}

/** What a session had seen was lost before the faults stopped, and it has to be told once. */
function isTold(end: Ok | Fail | Info): boolean {
  return end.event === 'fail' && end.code === 'session-lost';
}

/** When faults stop: equal replicas, no pending request, nothing left to do, and reads are answered. */
export function* F6(facts: Facts): Generator<string> {
  yield* coreConverged(facts);
  const [first] = facts.finals;
  for (const { replica, position, sha256, state } of facts.finals) {
    if (state !== null && state !== 'leader' && state !== 'streaming')
      yield `${replica} came to rest ${state}`;
    if (first === undefined || replica === first.replica) continue;
    if (showPosition(position) !== showPosition(first.position)) {
      yield `${replica} came to rest at ${showPosition(position)}, ${first.replica} at ${showPosition(first.position)}`;
    } else if (sha256 !== first.sha256) yield `${replica} came to rest unlike ${first.replica}`;
  }
  for (const { replica, tables } of facts.of('left'))
    if (tables > 0) yield `${replica} was removed, and still has ${tables} tables`;
  if (facts.of('faults-stop').length === 0) yield 'faults never stopped';
  const [stop] = [...facts.of('core-heals'), ...facts.of('faults-stop')];
  const stoppedAt = stop === undefined ? Infinity : facts.history.lastIndexOf(stop);
  for (const { invoke, invokedAt, end } of facts.operations.values()) {
    if (end === null) yield `operation ${invoke.op} never ended`;
    else if (invokedAt > stoppedAt && end.event !== 'ok' && !isTold(end)) {
      yield `operation ${invoke.op} ended in ${end.event} without a fault`;
    }
  }
  const [rest] = facts.of('rest');
  if (rest === undefined) yield 'the world never came to rest';
  else if (rest.planned > 0) yield `${rest.planned} events were still planned long after the last request`;
}
