import type { Patch, Patched } from './bug.ts';

function bug(
  id: string,
  told: Pick<Patched, 'title' | 'seen'>,
  patches: readonly Patch[],
  caught: Pick<Patched, 'predicates' | 'seedsMax'>,
): Patched {
  return { kind: 'patched', id, ...told, patches, ...caught };
}

const own = (title: string) => ({ title, seen: 'a trap of our own' });

/** Epochs, leases, fences, promotion, and what comes back. */
export const FAILOVER_BUGS: readonly Patched[] = [
  bug(
    'B3',
    { title: 'an LSN is given again after a failover', seen: 'MySQL #92690, LiteFS #112' },
    [
      {
        file: 'shared/leader/writer.ts',
        find: 'this.#log.close(by.epoch, changes, origin)',
        replace: 'this.#log.close(this.#log.end.lsn === 0 ? by.epoch : this.#log.end.epoch, changes, origin)',
      },
    ],
    { predicates: ['I4', 'I5', 'I6', 'S1'], seedsMax: 50 },
  ),
  bug(
    'B4',
    {
      title: 'truncation by LSN instead of by epoch: of two failovers in a row only the last counts',
      seen: 'Kafka KIP-101, KIP-279',
    },
    [
      {
        file: 'shared/log/history.ts',
        find: '  for (const begin of history)\n    if (begin.epoch > epoch',
        replace: '  for (const begin of history.slice(-1))\n    if (begin.epoch > epoch',
      },
    ],
    { predicates: ['F5', 'T8', 'S1', 'K3', 'I2', 'I12', 'T1', 'T2', 'T3', 'T4'], seedsMax: 300 },
  ),
  bug(
    'B5',
    { title: 'two leaders: a pause or a clock outlives the lease', seen: 'etcd #20418' },
    [
      {
        file: 'shared/leader/lease.ts',
        find: '    return now < this.#until;',
        replace: '    return this.#until !== -Infinity;',
      },
    ],
    { predicates: ['F1', 'F4', 'LIN'], seedsMax: 300 },
  ),
  bug(
    'B8',
    { title: 'the epoch moved on, the leader pointer did not', seen: 'MongoDB SERVER-125438' },
    [
      {
        file: 'shared/directory/promoted.ts',
        find: '    leader: { name: winner.name, region: winner.region },',
        replace:
          "    leader: begin.mode === 'planned' ? { name: winner.name, region: winner.region } : leader,",
      },
    ],
    { predicates: ['F1', 'F3', 'F6', 'I1', 'I5', 'S1', 'I9', 'I8'], seedsMax: 50 },
  ),
  bug(
    'B9',
    {
      title: 'a token of an old epoch is satisfied by its LSN',
      seen: 'PostgreSQL 19 WAIT FOR LSN, LiteFS proxy',
    },
    [
      {
        file: 'shared/follower/reads.ts',
        find: 'const cut = seen === null ? null : cutOff(standing.by.history, seen);',
        replace: 'const cut = null as ReturnType<typeof cutOff>;',
      },
    ],
    { predicates: ['T8'], seedsMax: 100 },
  ),
  bug(
    'B18',
    { title: 'a request id is kept though its entry was rolled back', seen: 'MongoDB' },
    [
      {
        file: 'shared/tables/rollback.ts',
        find: '  for (const { request } of entries) if (request !== null) forgetRequest(sql, request.id, to.lsn);\n',
        replace: '',
      },
      { file: 'shared/tables/rollback.ts', find: '  forgetRequestsAfter(sql, to.lsn);\n', replace: '' },
    ],
    { predicates: ['I12', 'S1', 'S5', 'K1', 'K3', 'F6'], seedsMax: 300 },
  ),
  bug(
    'B41',
    { title: 'a write sent to the old leader is delivered after the failover, and taken', seen: 'inference' },
    [
      {
        file: 'shared/leader/leader.ts',
        find: 'return this.#over === null && this.#assignment.successor === null && this.#lease.isHeld(now);',
        replace: 'return this.#over === null && this.#assignment.successor === null && now > 0;',
      },
    ],
    { predicates: ['I6', 'F1', 'F4', 'LIN'], seedsMax: 100 },
  ),
  bug(
    'B42',
    { title: 'a strong read is checked in one epoch, executed in another', seen: 'rqlite #1950' },
    [
      {
        file: 'shared/leader/leader.ts',
        find: 'const queued = this.#queue.takeAll().map(({ call }) => toAnswer({ call, answer }));',
        replace: 'const queued = this.#queue.takeAll().flatMap((event) => this.#run(event));',
      },
    ],
    { predicates: ['F4', 'F1', 'LIN', 'I6'], seedsMax: 300 },
  ),
  bug(
    'G40',
    own('another than the furthest is promoted'),
    [
      {
        file: 'shared/directory/candidates.ts',
        find: 'compareEnds(b.end, a.end) ||',
        replace: 'compareEnds(a.end, b.end) ||',
      },
      {
        file: 'shared/directory/candidates.ts',
        find: 'return meetsAll(sets, keptIn(durability), notBeyond(ends, best.end));',
        replace: 'return meetsAll(sets, keptIn(durability), new Set(ends.keys()));',
      },
    ],
    { predicates: ['I9', 'F2'], seedsMax: 300 },
  ),
  bug(
    'G41',
    own('a forced failover does not wait for the end of the lease'),
    [
      {
        file: 'shared/directory/leases.ts',
        find: '?? loaded) + LEASE_ENDS_MS;',
        replace: '?? loaded) + 0 * LEASE_ENDS_MS;',
      },
    ],
    { predicates: ['F1', 'F4', 'LIN'], seedsMax: 100 },
  ),
  bug(
    'G43',
    own('a fence is only in memory'),
    [
      {
        file: 'shared/protocol/assigned.ts',
        find: '  run(sql, "INSERT OR REPLACE INTO _tidemark_replica VALUES (\'fence\', ?, 0)", String(fence));\n',
        replace: '',
      },
    ],
    { predicates: ['I6', 'I9', 'F2'], seedsMax: 1_000 },
  ),
  bug(
    'G44',
    own('a fence is not looked at when entries come'),
    [
      {
        file: 'shared/follower/follower.ts',
        find: 'if (epoch < this.#fence)',
        replace: 'if (epoch < 0)',
      },
    ],
    { predicates: ['I6', 'I9', 'F2', 'F5', 'S1'], seedsMax: 300 },
  ),
  bug(
    'G45',
    own('the successor leads before it has all'),
    [
      {
        file: 'shared/leader/leader.ts',
        find: 'line.gone === null && line.confirmed >= end.lsn;',
        replace: 'line.gone === null;',
      },
    ],
    { predicates: ['F7', 'I1', 'I2', 'F3', 'I8'], seedsMax: 100 },
  ),
  bug(
    'G46',
    own('a leader goes on while it hands over'),
    [
      {
        file: 'shared/leader/leader.ts',
        find: 'return this.#over === null && this.#assignment.successor === null && this.#lease.isHeld(now);',
        replace: 'return this.#lease.isHeld(now);',
      },
    ],
    { predicates: ['F7', 'F1', 'F4', 'I9', 'LIN'], seedsMax: 300 },
  ),
  bug(
    'G47',
    own('what was lost is forgotten as it is undone'),
    [{ file: 'shared/tables/rollback.ts', find: '  keepLostEntries(sql, texts, lostBy);\n', replace: '' }],
    { predicates: ['I9'], seedsMax: 100 },
  ),
  bug(
    'G48',
    own('a session that is told of a loss keeps its token: it is told again and again'),
    [{ file: 'shared/session/rewind.ts', find: '  return instead;', replace: '  return known;' }],
    { predicates: ['T7', 'F6', 'T8'], seedsMax: 100 },
  ),
  bug(
    'G49',
    own('a forced failover that was decided on is only in memory'),
    [
      {
        file: 'shared/directory/store.ts',
        find: '      JSON.stringify(phase),',
        replace: '      JSON.stringify({ ...phase, failovers: [] }),',
      },
    ],
    { predicates: ['F1', 'F4', 'F6', 'LIN'], seedsMax: 300 },
  ),
];
