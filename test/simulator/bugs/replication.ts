import type { Patched } from './bug.ts';

/** Between client, router and replicas. */
export const REPLICATION_BUGS: readonly Patched[] = [
  {
    kind: 'patched',
    id: 'B1',
    title: 'acknowledged before it is durable',
    seen: 'NATS JetStream 2.12.1, etcd #14370',
    patches: [
      {
        file: 'test/simulator/gate.ts',
        find: '    this.#isFlushing = true;\n',
        replace: '    for (const leave of this.#held.splice(0)) leave();\n    this.#isFlushing = true;\n',
      },
    ],
    predicates: ['I7'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B6',
    title: 'a replaced instance answers from memory',
    seen: 'Durable Objects, known issues',
    patches: [
      {
        file: 'shared/session/devices.ts',
        find: "    first(this.#sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_seen'`);\n",
        replace: '',
      },
    ],
    predicates: ['T1'],
    seedsMax: 1_000,
  },
  {
    kind: 'patched',
    id: 'B7',
    title: 'a follower applies from a fenced epoch',
    seen: 'Tarantool gh-5445',
    patches: [
      {
        file: 'shared/follower/follower.ts',
        find: '    if (epoch < this.#fence) return',
        replace: '    if (epoch < 0) return',
      },
      {
        file: 'shared/follower/receive.ts',
        find: '      if (position.epoch < epoch) return',
        replace: '      if (position.epoch < 0) return',
      },
    ],
    predicates: ['I6', 'I3', 'I4'],
    seedsMax: 300,
  },
  {
    kind: 'patched',
    id: 'B10',
    title: 'the token is taken from live state, not from what was read',
    seen: 'MongoDB SERVER-120304',
    patches: [
      {
        file: 'shared/follower/reads.ts',
        find: '    const { by, applied: position, staleness_ms, now } = standing;\n',
        replace: `    const { by, applied, settled, staleness_ms, now } = standing;
    const position = { ...applied, lsn: applied.lsn < settled ? settled : applied.lsn };
`,
      },
    ],
    predicates: ['T6'],
    seedsMax: 50,
  },
  {
    kind: 'patched',
    id: 'B11',
    title: 'errors do not move the token',
    seen: 'MongoDB driver specification',
    patches: [
      {
        file: 'shared/leader/writer.ts',
        find: "    return { answer: { kind: 'failed', failure, position },",
        replace: "    return { answer: { kind: 'failed', failure, position: null },",
      },
    ],
    predicates: ['T7'],
    seedsMax: 50,
  },
  {
    kind: 'patched',
    id: 'B19',
    title: 'a write without a request id is sent again after an unclear error',
    seen: 'jetcd',
    patches: [
      {
        file: 'shared/routing/write.ts',
        find: '  if (job.request === null) return UNKNOWN;\n',
        replace: '',
      },
    ],
    predicates: ['K1'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B37',
    title: 'what was still to be sent is only in memory: no alarm is set',
    seen: 'Durable Objects',
    patches: [
      {
        file: 'shared/leader/leader.ts',
        find: '    if (next === null || isSetEarlyEnough) return',
        replace: '    if (next !== undefined || isSetEarlyEnough) return',
      },
    ],
    predicates: ['F6'],
    seedsMax: 100,
  },
  {
    kind: 'patched',
    id: 'B38',
    title: 'an alarm runs twice: what it sends twice is not passed over',
    seen: 'Durable Objects',
    patches: [
      {
        file: 'shared/leader/fanout.ts',
        find: '    if (line.isSending || now < line.notBefore ||',
        replace: '    if (now < line.notBefore ||',
      },
      {
        file: 'shared/follower/receive.ts',
        find: '      if (position.lsn <= lsn) continue;',
        replace: "      if (position.lsn <= lsn) return refused(position.lsn, 'came before');",
      },
    ],
    predicates: ['I1', 'K1', 'F6'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B39',
    title: 'two code versions at once, and nobody looks at the version',
    seen: 'Durable Objects',
    patches: [
      {
        file: 'shared/follower/follower.ts',
        find: '    if (version !== MESSAGE_VERSION) {',
        replace: '    if (version < 0) {',
      },
      {
        file: 'shared/log/entry.ts',
        find: '  if (format !== String(ENTRY_FORMAT)) {',
        replace: '  if (format === undefined) {',
      },
    ],
    predicates: ['I2', 'S1', 'F6'],
    seedsMax: 300,
  },
  {
    kind: 'patched',
    id: 'B43',
    title: 'a rollback undoes SQLite but not the memory of the core',
    seen: 'on this platform',
    patches: [
      {
        file: 'test/simulator/host.ts',
        find: "      this.#core = null;\n      this.#bootsAfter = 'rollback';",
        replace: "      this.#bootsAfter = 'rollback';",
      },
    ],
    predicates: ['I1', 'I2', 'I7', 'F6'],
    seedsMax: 50,
  },
];
