import type { Patched } from './bug.ts';

/**
 * Between SQL and the log. A follower is strict: where an entry does not fit its rows it stops, and never differs. So where
 * others would end with different rows (S1), F6 says that it was left behind.
 */
export const TABLE_BUGS: readonly Patched[] = [
  {
    kind: 'patched',
    id: 'B20',
    title: 'the rows that REPLACE deletes are not captured',
    seen: 'SQLite, on this platform',
    patches: [
      {
        file: 'test/simulator/node-sql.ts',
        find: "    this.database.exec('PRAGMA recursive_triggers=ON');\n",
        replace: '',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B21',
    title: 'recursive_triggers is set once, and lost on restart',
    seen: 'on this platform',
    patches: [
      {
        file: 'test/simulator/host.ts',
        find: '    const core = loadCore(this.#storage, this.#limits);\n',
        replace: `    const core = loadCore(this.#storage, this.#limits);
    if (this.#bootsAfter === 'crash' || this.#bootsAfter === 'eviction')
      this.#storage.exec('PRAGMA recursive_triggers=OFF');
`,
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 50,
  },
  {
    kind: 'patched',
    id: 'B22',
    title: "the log's order is inverted by user triggers",
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/capture.ts',
        find: '    const newest = found.slice(-wanted.length).map(',
        replace: '    const newest = found.filter(([name]) => String(name).startsWith(PREFIX)).map(',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 100,
  },
  {
    kind: 'patched',
    id: 'B23',
    title: 'a new column is not captured after ALTER TABLE',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/transaction.ts',
        find: "    if (parsed.verb === 'ALTER') removeCapture(this.#sql);",
        replace: "    if (parsed.verb === 'ALTER' && !/\\bADD\\b/i.test(text)) removeCapture(this.#sql);",
      },
      {
        file: 'shared/tables/capture.ts',
        find: '    if (isInPlace) continue;',
        replace:
          '    if (isInPlace || wanted.every(({ name }, i) => newest[i]?.startsWith(`${name} `))) continue;',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 50,
  },
  {
    kind: 'patched',
    id: 'B24',
    title: 'cascades are applied twice, or out of order',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/apply.ts',
        find: '      return this.#rowsAmongActions(changes);\n',
        replace: '      return void changes.forEach((change) => this.#row(change));\n',
      },
    ],
    predicates: ['S1', 'S6', 'F6'],
    seedsMax: 300,
  },
  {
    kind: 'patched',
    id: 'B25',
    title: 'a row is looked for by the key that it gets, not by the one it has',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/apply.ts',
        find: "SET ${assignments.join(', ')} WHERE ${order.isRowSql('?2')} RETURNING 1",
        replace: "SET ${assignments.join(', ')} WHERE ${order.isRowSql('?1')} AND ?2 IS NOT NULL RETURNING 1",
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B26',
    title: 'a key that may be NULL is taken for what tells rows apart',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/schema.ts',
        find: '  if (primaryKey.length === 1 && keyIndex === undefined) {',
        replace: '  if (primaryKey.length > 0 || keyIndex !== undefined) {',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 50,
  },
  {
    kind: 'patched',
    id: 'B27',
    title: 'the counters of AUTOINCREMENT are not in the log',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/transaction.ts',
        find: '    for (const line of lines) state.captured.add(line);\n',
        replace: '    void lines;\n',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 100,
  },
  {
    kind: 'patched',
    id: 'B28',
    title: 'values go through JavaScript numbers',
    seen: 'on this platform',
    patches: [
      {
        file: 'shared/tables/apply.ts',
        find: '    this.#runImages.push(image);',
        replace: '    this.#runImages.push(JSON.stringify(JSON.parse(image)));',
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 20,
  },
  {
    kind: 'patched',
    id: 'B32',
    title: 'one statement is taken to be undone by itself; INSERT OR FAIL leaves a part of it',
    seen: 'SQLite',
    patches: [
      {
        file: 'shared/leader/writer.ts',
        find: '      return this.#sql.transaction(() => {\n        const captured = this.#log.capture();\n        const result',
        replace: `      const inOne = <T>(work: () => T): T =>
        request.statements.length > 1 ? this.#sql.transaction(work) : work();
      return inOne(() => {
        const captured = this.#log.capture();
        const result`,
      },
    ],
    predicates: ['I10', 'I11', 'T5', 'T6'],
    seedsMax: 100,
  },
  {
    kind: 'patched',
    id: 'B34',
    title: 'user triggers fire again on the follower',
    seen: 'SQLite',
    patches: [
      {
        file: 'shared/tables/apply.ts',
        find: '      if (trigger === null) dropKeptTrigger(this.#sql, name);\n',
        replace: `      run(this.#sql, \`DROP TRIGGER IF EXISTS \${quoteName(name)}\`);
      if (trigger !== null) run(this.#sql, trigger.sql);
      if (trigger !== undefined) continue;
      if (trigger === null) dropKeptTrigger(this.#sql, name);
`,
      },
    ],
    predicates: ['S1', 'F6'],
    seedsMax: 50,
  },
];
