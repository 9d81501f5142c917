import { present } from '../../shared/assert.ts';
import type { History } from '../../shared/log/history.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { type Position, showPosition } from '../../shared/position.ts';
import { Branches } from '../simulator/checker/branches.ts';
import { check } from '../simulator/checker/check.ts';
import type { EventOf } from '../simulator/checker/facts.ts';
import type { Append, Failover, Happening, HistoryEvent, LostOf } from '../simulator/history.ts';
import type { ReplicaFile } from './finals.ts';
import type { Finding, Journal, LoggedEntry } from './journal.ts';

/** All that is left when a run is over. */
export interface Remains {
  readonly history: readonly HistoryEvent[];
  readonly journal: Journal;
  readonly files: ReadonlyMap<string, ReplicaFile>;
  readonly regions: readonly string[];
  /** By epoch: who was told to lead. Not whole: who was told right before a kill is not known. */
  readonly leaders: ReadonlyMap<number, ReadonlySet<string>>;
  /** What the API said to be lost. */
  readonly listed: readonly Position[];
  /** Whether no acknowledged write may be lost. */
  readonly isSafe: boolean;
}

export interface Judgement {
  readonly history: readonly HistoryEvent[];
  readonly violations: readonly Finding[];
  readonly counts: Readonly<Record<string, number>>;
}

export function judge(remains: Remains): Judgement {
  const { files, journal, isSafe } = remains;
  const newest = newestOf([...files.values()]);
  const { history: begun, leader } = newest.assignment;
  const branches = new Branches(begun.map(({ epoch, after }) => ({ epoch, after })));
  const led = present(files.get(leader.region), 'the file of the leader');
  const kept = [...files.values()].flatMap((file) => file.kept);
  const history = whole(remains, { begun, branches, entries: entriesOf(files, led, branches) });
  const ending = { ops: led.ops, log: led.log, kept, branches, isSafe };
  const violations = [
    ...check(history),
    ...journal.verify(ending),
    ...wrongWithLeaders(remains),
    ...wrongWithKept(remains, branches),
    ...(isSafe ? shownAndLost(history, branches) : []),
    ...ledTooLong(history, branches),
  ];
  return { history, violations, counts: countsOf(history, { begun, kept, lost: journal.lostOf(ending) }) };
}

function newestOf(files: readonly ReplicaFile[]): ReplicaFile {
  const [newest] = files.toSorted(
    ({ assignment: a }, { assignment: b }) => b.epoch - a.epoch || b.revision - a.revision,
  );
  return present(newest, 'a file');
}

interface Known {
  readonly begun: History;
  readonly branches: Branches;
  readonly entries: readonly LoggedEntry[];
}

/** Every entry that anybody has, kept or lost. What is in no log any more, for all that have it were installed, is in the journal. */
function entriesOf(
  files: ReadonlyMap<string, ReplicaFile>,
  { ops }: ReplicaFile,
  branches: Branches,
): LoggedEntry[] {
  const entries = new Map<string, LoggedEntry>();
  for (const [i, op] of ops.entries()) {
    const position = { epoch: toEpoch(epochAt(branches, branches.newest, i + 1)), lsn: toLsn(i + 1) };
    entries.set(showPosition(position), { position, ops: [op] });
  }
  for (const { log, kept } of files.values())
    for (const entry of [...log, ...kept]) {
      const name = showPosition(entry.position);
      if (!entries.has(name)) entries.set(name, entry);
    }
  return [...entries.values()].toSorted(
    ({ position: a }, { position: b }) => a.epoch - b.epoch || a.lsn - b.lsn,
  );
}

/** A database that never failed over is in its first epoch. */
function epochAt(branches: Branches, epoch: number, lsn: number): number {
  return branches.newest === 0 ? 1 : branches.epochAt(epoch, lsn);
}

/** The history with what only the end tells: when epochs began, in which order writes were committed, and what became of tokens that were set back. */
function whole({ history, files, leaders }: Remains, known: Known): HistoryEvent[] {
  const failovers = known.begun.map(({ epoch, after, mode, at, heard }): Failover & { t: number } => {
    const leader = leaderOf(leaders, epoch);
    const position = { epoch: after.epoch, lsn: after.lsn };
    return { t: at, event: 'failover', epoch, leader, mode, after: position, heard };
  });
  const events: HistoryEvent[] = history.map((event) => withInstead(event, known.branches));
  for (const failover of failovers) {
    const place = events.findIndex(({ t }) => t >= failover.t);
    events.splice(place === -1 ? events.length : place, 0, failover);
  }
  const t = events.at(-1)?.t ?? 0;
  const finals = [...files.values()].map(({ final }) => final);
  return [...events, ...[...appends(known, leaders), ...finals].map((happening) => ({ t, ...happening }))];
}

function leaderOf(leaders: Remains['leaders'], epoch: number): string {
  return [...(leaders.get(epoch) ?? [])][0] ?? `the leader of epoch ${epoch}`;
}

function withInstead(event: HistoryEvent, branches: Branches): HistoryEvent {
  if ((event.event !== 'fail' && event.event !== 'info') || !event.lost) return event;
  const lsn = event.lost.from_lsn - 1;
  const epoch = toEpoch(epochAt(branches, event.lost.epoch, lsn));
  const lost: LostOf = { ...event.lost, instead: { epoch, lsn: toLsn(lsn) } };
  return { ...event, lost };
}

/** The order in which writes were committed, epoch by epoch, as the simulator's leaders write it down when it happens. */
function* appends({ begun, entries }: Known, leaders: Remains['leaders']): Generator<Happening> {
  const at = new Map<string, number>();
  const byEpoch = Map.groupBy(entries, ({ position }) => position.epoch as number);
  for (const epoch of [1, ...begun.map((begin) => begin.epoch as number)]) {
    const replica = leaderOf(leaders, epoch);
    const after = begun.find((begin) => begin.epoch === epoch)?.after;
    const had = at.get(replica) ?? 0;
    if (after !== undefined && had !== after.lsn) {
      const position = { epoch: after.epoch, lsn: after.lsn };
      // It was cut off there itself since it led last, or has followed to there.
      if (had > after.lsn) yield { event: 'truncate', replica, position };
      else {
        yield { event: 'durable', replica, position };
        yield { event: 'boot', replica, role: 'leader', position, after: 'assignment', copying: false };
      }
    }
    const made = byEpoch.get(epoch) ?? [];
    for (const { position, ops } of made)
      yield { event: 'append', replica, position, op: ops[0] ?? null, bytes: 0 } satisfies Append;
    const last = made.at(-1)?.position;
    if (last !== undefined) yield { event: 'durable', replica, position: last };
    at.set(replica, last?.lsn ?? after?.lsn ?? 0);
  }
}

/** One leader, of whom all have been told, and all of one history. What changed within an epoch need not be known to all. */
function* wrongWithLeaders({ files, regions, leaders }: Remains): Generator<Finding> {
  for (const [epoch, names] of leaders)
    if (names.size > 1)
      yield { id: 'I5', what: `${[...names].join(' and ')} were told to lead in epoch ${epoch}` };
  if (files.size !== regions.length)
    yield { id: 'F6', what: `${files.size} replicas left a file, and ${regions.length} were made` };
  const ends = [...files.values()].map(({ assignment }) => {
    const { epoch, leader, history } = assignment;
    return JSON.stringify({ epoch, leader, history });
  });
  if (new Set(ends).size > 1)
    yield { id: 'F6', what: `replicas were told different things: ${[...new Set(ends)].join(' ')}` };
}

/** What is kept as lost is lost, and it is listed; and what is of one position is one entry. */
function* wrongWithKept({ files, listed }: Remains, branches: Branches): Generator<Finding> {
  const kept = new Map<string, string>();
  for (const [region, file] of files) {
    for (const { position, ops } of file.kept) {
      const name = showPosition(position);
      if (branches.isKept(position))
        yield { id: 'I9', what: `${region} has kept ${name} as lost, and it is not` };
      const other = kept.get(name) ?? ops.join();
      kept.set(name, ops.join());
      if (other !== ops.join())
        yield { id: 'I4', what: `${name} is kept as of [${other}], and at ${region} as of [${ops.join()}]` };
    }
  }
  const shown = new Set(listed.map(showPosition));
  for (const name of kept.keys())
    if (!shown.has(name)) yield { id: 'I9', what: `${name} is kept as lost, and the API does not list it` };
  for (const name of shown)
    if (!kept.has(name)) yield { id: 'I9', what: `${name} is listed as lost, and nobody has kept it` };
}

/** Where no acknowledged write is lost, nobody has seen anything either that is; but for those who did not mind. */
function* shownAndLost(history: readonly HistoryEvent[], branches: Branches): Generator<Finding> {
  const reckless = new Set<number>();
  for (const event of history) {
    if (event.event === 'invoke' && event.consistency === 'eventual') reckless.add(event.op);
    if (event.event !== 'ok' || reckless.has(event.op) || branches.isKept(event.position)) continue;
    yield {
      id: 'SD',
      what: `operation ${event.op} was answered at ${showPosition(event.position)}, which was lost`,
    };
  }
}

/**
 * Once an epoch has begun, the leader before does no more writes and strong reads, whoever still reaches it. What it did then would be cut off. By the clock
 * of this machine, which is everybody's.
 */
function* ledTooLong(history: readonly HistoryEvent[], branches: Branches): Generator<Finding> {
  const invoked = new Map<number, EventOf<'invoke'>>();
  const begun: EventOf<'failover'>[] = [];
  for (const event of history) {
    if (event.event === 'invoke') invoked.set(event.op, event);
    if (event.event === 'failover') begun.push(event);
    if (event.event !== 'ok' || branches.isKept(event.position)) continue;
    const { op, position } = event;
    const invoke = present(invoked.get(op), 'what was asked');
    const cut = begun.find(({ epoch }) => epoch > position.epoch && !branches.isOn(epoch, position));
    if (cut === undefined || invoke.t <= cut.t) continue;
    const { does, consistency } = invoke;
    const what = `${does.kind} ${op} was asked for after epoch ${cut.epoch} had begun, and was done at ${showPosition(position)}, which that had cut off`;
    if (does.kind === 'write') yield { id: 'F1', what };
    else if (consistency === 'strong') yield { id: 'F4', what };
  }
}

interface Ended {
  readonly begun: History;
  readonly kept: readonly LoggedEntry[];
  readonly lost: number;
}

const COUNTED: ReadonlySet<string> = new Set(['invoke', 'ok', 'fail', 'info', 'append', 'digest']);

function countsOf(history: readonly HistoryEvent[], { begun, kept, lost }: Ended): Record<string, number> {
  const counts: Record<string, number> = {};
  const count = (what: string) => void (counts[what] = (counts[what] ?? 0) + 1);
  for (const { mode } of begun) count(`failovers ${mode}`);
  for (const event of history) {
    if (COUNTED.has(event.event)) count(event.event);
    if (event.event === 'fail') count(`fail ${event.code}`);
    if (event.event === 'info' && event.lost) count('info with a loss');
  }
  counts['lost entries'] = new Set(kept.map(({ position }) => showPosition(position))).size;
  counts['lost entries that were acknowledged'] = lost;
  return counts;
}
