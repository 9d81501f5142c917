import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { all, type Sql } from '../../shared/ports.ts';
import { digest } from '../../shared/tables/digest.ts';
import { imageSql } from '../../shared/tables/images.ts';
import { Installation } from '../../shared/tables/installation.ts';
import { quoteName, readLayout, userTables } from '../../shared/tables/schema.ts';
import type { Statement } from '../../shared/tables/values.ts';
import { scenarios } from '../differential/random-sql.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { makeReplica, take, Writer } from './snapshot-copy.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 150);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);

/** What happens behind each transaction. */
interface Turn {
  readonly pieces: number;
  readonly rows: number;
  readonly chars: number;
  readonly entries: number;
  readonly mishap: 'none' | 'none again' | 'loaded anew' | 'undone' | 'started over';
}

const turn: fc.Arbitrary<Turn> = fc.record({
  pieces: fc.constantFrom(0, 0, 1, 1, 2, 3),
  rows: fc.constantFrom(1, 1, 2, 3, 5, 100),
  chars: fc.constantFrom(1, 50, 100_000),
  entries: fc.constantFrom(1, 2, Infinity),
  mishap: fc.constantFrom('none', 'none again', 'none', 'loaded anew', 'loaded anew', 'undone'),
});

const LAST: Turn = { pieces: 1, rows: 3, chars: 1000, entries: 2, mishap: 'none' };

/** A step that is undone on purpose. */
class Undone extends Error {}

class Copy {
  readonly #leader = new NodeSql({ reads: 'at once' });
  readonly #follower = new NodeSql({ reads: 'at once' });
  readonly #writer: Writer;
  #installation: Installation | null = null;

  constructor() {
    Writer.begin(this.#leader);
    makeReplica(this.#follower);
    this.#writer = new Writer(this.#leader);
  }

  close(): void {
    this.#leader.close();
    this.#follower.close();
  }

  write(statements: readonly Statement[], lot: number): void {
    const id = `id ${lot % 7}`;
    this.#writer.write(statements, lot % 3 === 0 ? { id, fingerprint: String(lot), answer: '' } : null);
  }

  begin(): void {
    const { start, end } = this.#writer.start();
    this.#installation = this.#follower.transaction(() => Installation.begin(this.#follower, start, end));
  }

  step({ rows, chars, entries, mishap }: Turn): void {
    if (mishap === 'loaded anew') this.#installation = Installation.load(this.#follower);
    const installation = this.#installation;
    if (installation === null) throw new Error('nothing is being installed');
    const reply = this.#writer.reply(installation.end, installation.place, { rows, chars, entries });
    try {
      this.#follower.transaction(() => {
        take(installation, reply);
        if (mishap === 'undone') throw new Undone();
      });
    } catch (error) {
      if (!(error instanceof Undone)) throw error;
      this.#installation = Installation.load(this.#follower);
    }
  }

  finish(): void {
    while (this.#installation?.isComplete === false || this.#installation?.end.lsn !== this.#writer.end.lsn)
      this.step(LAST);
    this.#follower.transaction(() => this.#installation?.finish());
  }

  compare(): void {
    expect(dump(this.#follower)).toEqual(dump(this.#leader));
    expect(digest(this.#follower)).toBe(digest(this.#leader));
  }
}

function dump(sql: Sql): unknown {
  const schema = all(sql, 'SELECT type, name, tbl_name, sql FROM _tidemark_schema ORDER BY type, name');
  const rows = userTables(sql).map((table) => {
    const layout = readLayout(sql, table);
    return all(sql, `SELECT ${imageSql(layout, 't')} FROM ${quoteName(table)} AS t ORDER BY 1`).flat();
  });
  return { schema, rows };
}

function copies(
  transactions: readonly (readonly Statement[])[],
  startsAt: number,
  turns: readonly Turn[],
): void {
  const copy = new Copy();
  try {
    transactions.forEach((statements, i) => {
      if (i === startsAt) copy.begin();
      copy.write(statements, i);
      if (i < startsAt) return;
      const next = turns[i % turns.length] ?? LAST;
      for (let piece = 0; piece < next.pieces; piece += 1) copy.step(next);
    });
    if (transactions.length <= startsAt) copy.begin();
    copy.finish();
    copy.compare();
  } finally {
    copy.close();
  }
}

const KEYS = [
  'PRIMARY KEY (a, b)',
  'PRIMARY KEY (a DESC, b)',
  'PRIMARY KEY (b COLLATE NOCASE, a DESC)',
  'PRIMARY KEY (a DESC, b COLLATE RTRIM DESC)',
  'PRIMARY KEY (b COLLATE NOCASE, b)',
];
const literal = fc.constantFrom(
  '0',
  '1',
  '2.5',
  '-3',
  "'a'",
  "'A'",
  "'a '",
  "'b'",
  "x''",
  "x'61'",
  '9007199254740993',
  '9007199254740992',
  '-9223372036854775808',
  '1e300',
);
const keyTable = fc.constantFrom('k0', 'k1');
const keyStatement = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(keyTable, literal, literal, literal)
      .map(([t, a, b, v]) => `INSERT OR REPLACE INTO ${t} (a, b, v) VALUES (${a}, ${b}, ${v})`),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(keyTable, fc.constantFrom('a', 'b', 'v'), literal, fc.constantFrom('a', 'b', 'v'), literal)
      .map(([t, set, x, c, y]) => `UPDATE OR REPLACE ${t} SET ${set} = ${x} WHERE ${c} >= ${y}`),
  },
  { weight: 1, arbitrary: fc.tuple(keyTable, literal).map(([t, a]) => `DELETE FROM ${t} WHERE a = ${a}`) },
);
const keyed = fc.record({
  tables: fc.tuple(
    fc.constantFrom(...KEYS),
    fc.constantFrom(...KEYS),
    fc.constantFrom('', 'TEXT', 'INT', 'TEXT COLLATE NOCASE'),
  ),
  rows: fc.array(keyStatement, { minLength: 10, maxLength: 30 }),
  transactions: fc.array(fc.array(keyStatement, { minLength: 1, maxLength: 3 }), {
    minLength: 5,
    maxLength: 25,
  }),
});

const plain = (texts: readonly string[]) => texts.map((sql) => ({ sql, params: [] }));

describe(`random copies: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npx vitest run test/unit/snapshot-random.test.ts`, () => {
  it('[SI1] the follower ends as its leader, whatever happens meanwhile', () => {
    fc.assert(
      fc.property(
        scenarios,
        fc.nat(25),
        fc.array(turn, { minLength: 1, maxLength: 12 }),
        (steps, startsAt, turns) =>
          copies(
            steps.map(({ statements }) => statements),
            startsAt,
            turns,
          ),
      ),
      { numRuns: runs, seed },
    );
  });

  it('[SI2] the follower ends as its leader, whatever the keys are', () => {
    fc.assert(
      fc.property(
        keyed,
        fc.array(turn, { minLength: 1, maxLength: 12 }),
        ({ tables: [k0, k1, type], rows, transactions }, turns) =>
          copies(
            [
              [
                `CREATE TABLE k0 (v, b ${type}, a, ${k0}) WITHOUT ROWID`,
                `CREATE TABLE k1 (a, b, v, ${k1}) WITHOUT ROWID`,
              ],
              rows,
              ...transactions,
            ].map(plain),
            2,
            turns,
          ),
      ),
      { numRuns: runs, seed },
    );
  });
});
