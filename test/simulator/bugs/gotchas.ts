import type { Patched } from './bug.ts';

const HERE = 'a trap of our own';

function gotcha(
  id: string,
  title: string,
  patch: Patched['patches'][number],
  caught: Pick<Patched, 'predicates' | 'seedsMax'>,
): Patched {
  return { kind: 'patched', id, title, seen: HERE, patches: [patch], ...caught };
}

/** Traps of our own, most of them told in docs/known-gotchas.md. */
export const GOTCHAS: readonly Patched[] = [
  gotcha(
    'G1',
    'a text that a JSON function made is written into the log as JSON',
    {
      file: 'shared/tables/images.ts',
      find: "WHEN 'text' THEN ${column} || '' ELSE",
      replace: "WHEN 'text' THEN ${column} ELSE",
    },
    { predicates: ['S1', 'F6'], seedsMax: 300 },
  ),
  gotcha(
    'G2',
    'the rows of CREATE TABLE … AS, which no trigger saw coming, are not captured',
    {
      file: 'shared/tables/transaction.ts',
      find: '    if (made !== undefined) run(',
      replace: '    if (made === null) run(',
    },
    { predicates: ['S1', 'F6'], seedsMax: 100 },
  ),
  gotcha(
    'G3',
    'a follower keeps its statements after the schema changed',
    {
      file: 'shared/tables/apply.ts',
      find: '    this.#statements.clear();\n',
      replace: '',
    },
    { predicates: ['S1', 'F6'], seedsMax: 400 },
  ),
  gotcha(
    'G4',
    "a follower checks keys row by row, though a cascade's rows stand before the row that caused it",
    {
      file: 'shared/tables/apply.ts',
      find: "    run(this.#sql, 'PRAGMA defer_foreign_keys = ON');\n",
      replace: '',
    },
    { predicates: ['S1', 'F6'], seedsMax: 100 },
  ),
  gotcha(
    'G5',
    'the answer to a retry names the position of now, not of its write',
    {
      file: 'shared/leader/writer.ts',
      find: "      ? { kind: 'done', body: known.answer, position, revision }",
      replace: "      ? { kind: 'done', body: known.answer, position: this.#log.position, revision }",
    },
    { predicates: ['I7', 'T6'], seedsMax: 20 },
  ),
  gotcha(
    'G6',
    'request ids stay on the leader',
    {
      file: 'shared/follower/intake.ts',
      find: '          if (entry.request === null) continue;',
      replace: '          if (entry.request !== undefined) continue;',
    },
    { predicates: ['S1'], seedsMax: 20 },
  ),
  gotcha(
    'G7',
    'a follower answers whatever the session has seen',
    {
      file: 'shared/session/freshness.ts',
      find: 'demand.need === null || isAtLeast(standing.applied, demand.need)',
      replace: 'demand.need === null || standing.isFollowing',
    },
    { predicates: ['T1', 'T2', 'T9'], seedsMax: 20 },
  ),
  gotcha(
    'G8',
    'a read that waits is forgotten when its time is over',
    {
      file: 'shared/follower/reads.ts',
      find: 'deadline <= now || since <= askedAt',
      replace: 'deadline < 0 || since <= askedAt',
    },
    { predicates: ['T9'], seedsMax: 50 },
  ),
  gotcha(
    'G9',
    "a write is acknowledged before its user's other devices can know of it",
    {
      file: 'shared/routing/write.ts',
      find: "  if (answer.kind !== 'done' || job.user === null) return answer;",
      replace: "  if (answer.kind !== 'done' || job.user !== undefined) return answer;",
    },
    { predicates: ['T1'], seedsMax: 50 },
  ),
  gotcha(
    'G10',
    "what a user's devices have seen is not known, and the nearest replica is asked all the same",
    {
      file: 'shared/routing/read.ts',
      find: "  if (seen.kind !== 'seen') return yield* askLeaderAlone(job);",
      replace: "  if (seen.kind !== 'seen') return yield* settle(job, ask, first);",
    },
    { predicates: ['T1'], seedsMax: 300 },
  ),
  gotcha(
    'G11',
    'a clock that was set back keeps reads waiting whose time is over',
    {
      file: 'test/simulator/perform.ts',
      find: 'if (its === life()) wake(Math.max(at, clock.now));',
      replace: 'if (its === life()) wake(clock.now);',
    },
    { predicates: ['T9'], seedsMax: 600 },
  ),
  gotcha(
    'G12',
    'a write whose first message was lost is told the refusal of the second, though the first may yet arrive',
    {
      file: 'shared/routing/write.ts',
      find: "  if (answer.kind === 'done') return answer;",
      replace: '  if (answer.kind !== undefined) return answer;',
    },
    { predicates: ['I10'], seedsMax: 500 },
  ),
  gotcha(
    'G13',
    'a request id is taken for what it was, whatever its body is now',
    {
      file: 'shared/leader/writer.ts',
      find: 'known.fingerprint === request.fingerprint',
      replace: "known.fingerprint !== ''",
    },
    { predicates: ['K2'], seedsMax: 100 },
  ),
];
