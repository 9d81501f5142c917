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

/** Durability beyond the leader, snapshots, the cutting of the log, and replicas that come and go. */
export const COPY_BUGS: readonly Patched[] = [
  bug(
    'B12',
    { title: 'semi-sync quietly falls back to async', seen: 'MySQL' },
    [
      {
        file: 'shared/leader/holding.ts',
        find: 'map(({ call, late }) => ({ call, answer: late }))',
        replace: 'map(({ call, answer }) => ({ call, answer }))',
      },
    ],
    { predicates: ['I7'], seedsMax: 50 },
  ),
  bug(
    'B13',
    { title: 'others read a write that a failover may yet lose', seen: 'MySQL WL#6355' },
    [
      {
        file: 'shared/leader/answers.ts',
        find: "    if (asked.shows === 'anything' && done.isRead) return",
        replace: '    if (done.isRead) return',
      },
    ],
    { predicates: ['SD'], seedsMax: 50 },
  ),
  bug(
    'B14',
    {
      title: 'waiting for acknowledgements is cancelled, the write stays, the answer says failed',
      seen: 'PostgreSQL',
    },
    [
      {
        file: 'shared/leader/failures.ts',
        find: "      code: 'outcome-unknown',",
        replace: "      code: 'unavailable',",
      },
    ],
    { predicates: ['I10'], seedsMax: 50 },
  ),
  bug(
    'B15',
    { title: 'a gap between the snapshot and the log that comes with it', seen: 'LiteFS #167' },
    [
      {
        file: 'shared/leader/copies.ts',
        find: '      end: reached,\n',
        replace: '      end: reached.lsn < end.lsn ? end : reached,\n',
      },
      {
        file: 'shared/leader/copies.ts',
        find: 'piece: reached.lsn === end.lsn ? readPiece(sql, from.place, bound) : null,',
        replace: 'piece: readPiece(sql, from.place, bound),',
      },
    ],
    { predicates: ['S1', 'S2', 'I2', 'F6'], seedsMax: 100 },
  ),
  bug(
    'B15b',
    { title: 'the log is cut under a slow snapshot', seen: 'etcd #18055' },
    [
      {
        file: 'shared/leader/line.ts',
        find: '  return line.isKnown ? line.applied : null;',
        replace:
          '  return line.isKnown ? (line.copiedAt === null ? line.applied : (Number.MAX_SAFE_INTEGER as Lsn)) : null;',
      },
    ],
    { predicates: ['RT'], seedsMax: 100 },
  ),
  bug(
    'B15c',
    { title: 'half an install is taken for whole', seen: 'Zero #6427' },
    [
      {
        file: 'shared/follower/follower.ts',
        find: "    return isOfThisLog && this.state !== 'installing';",
        replace: '    return isOfThisLog || this.#installer.isRunning;',
      },
    ],
    { predicates: ['S1', 'S3', 'T5', 'T6'], seedsMax: 50 },
  ),
  bug(
    'G15',
    own('a follower that joins counts as a member'),
    [
      {
        file: 'shared/leader/lines.ts',
        find: 'const members = membersOf(this.#assignment);\n    const positions',
        replace: 'const members = this.#assignment.followers;\n    const positions',
      },
    ],
    { predicates: ['I7', 'SD'], seedsMax: 500 },
  ),
  bug(
    'G16',
    own('a follower takes what it was sent for settled, though a majority is more than it and the leader'),
    [
      {
        file: 'shared/leader/fanout.ts',
        find: '    const settles = this.#lines.copies === 2 &&',
        replace: '    const settles = this.#lines.copies >= 2 &&',
      },
    ],
    { predicates: ['SD'], seedsMax: 300 },
  ),
  bug(
    'G17',
    own('a relay reports what it only sent'),
    [
      {
        file: 'shared/follower/relay.ts',
        find: '    sibling.isSending = true;\n',
        replace: '    sibling.isSending = true;\n    sibling.applied = entries.at(-1)?.end ?? null;\n',
      },
    ],
    { predicates: ['F6', 'RT'], seedsMax: 500 },
  ),
  bug(
    'G18',
    own('the last row that was copied is taken for one that is still to come'),
    [
      {
        file: 'shared/tables/key-order.ts',
        find: 'ELSE 1 END FROM json_each',
        replace: 'ELSE 0 END FROM json_each',
      },
    ],
    { predicates: ['S1', 'S2', 'F6'], seedsMax: 300 },
  ),
  bug(
    'G19',
    own('the counters of AUTOINCREMENT are not in the snapshot'),
    [
      {
        file: 'shared/tables/snapshot.ts',
        find: "    sequences: images('sqlite_sequence', 'name, seq'),",
        replace: '    sequences: [],',
      },
    ],
    { predicates: ['S1', 'S2', 'F6'], seedsMax: 100 },
  ),
  bug(
    'G20',
    own('request ids are not in the snapshot'),
    [
      {
        file: 'shared/tables/snapshot.ts',
        find: 'FROM _tidemark_requests WHERE in_log AND ',
        replace: 'FROM _tidemark_requests WHERE in_log > 1 AND ',
      },
    ],
    { predicates: ['S1', 'S2'], seedsMax: 50 },
  ),
  bug(
    'G21',
    own("clocks are taken to agree, so that a follower's age is what the leader's clock says"),
    [
      {
        file: 'shared/follower/clock.ts',
        find: 'Math.min(now, leaderNow + this.#difference)',
        replace: 'Math.min(now, leaderNow)',
      },
    ],
    { predicates: ['ST'], seedsMax: 50 },
  ),
  bug(
    'G22',
    own('with one entry that is too old, the young ones behind it are cut off as well'),
    [
      {
        file: 'shared/log/retention.ts',
        find: '      if (isOld(entry?.time)) low = middle;',
        replace: '      if (entry !== null) low = middle;',
      },
    ],
    { predicates: ['RT'], seedsMax: 300 },
  ),
  bug(
    'G23',
    own('a follower that was removed is forgotten when the next one is, before its storage was deleted'),
    [
      {
        file: 'shared/directory/followers.ts',
        find: '  return { ...after, unerased: [...made.unerased, ...gone] };',
        replace: '  return { ...after, unerased: gone };',
      },
    ],
    { predicates: ['F6'], seedsMax: 500 },
  ),
];
