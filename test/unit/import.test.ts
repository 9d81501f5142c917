import { existsSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contents, executed, FakeServer, runImport, scratch } from './import-server.ts';

let server: FakeServer;
let files: ReturnType<typeof scratch>;

beforeEach(async () => {
  server = new FakeServer();
  await server.open();
  files = scratch();
});

afterEach(async () => {
  await server.close();
  files.remove();
});

function write(name: string, text: string): string {
  writeFileSync(files.path(name), text);
  return files.path(name);
}

/** Rows with no key, so that a row sent twice is seen. */
function manyRows(count: number): string {
  const rows = Array.from({ length: count }, (_, at) => `INSERT INTO t VALUES(${at},'${'x'.repeat(200)}');`);
  return ['BEGIN TRANSACTION;', 'CREATE TABLE t(a, b);', ...rows, 'COMMIT;'].join('\n');
}

const CHILDREN_FIRST = `PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parent(code));
INSERT INTO child VALUES(1,'a');
INSERT INTO child VALUES(2,'b');
CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT, boss REFERENCES parent(id));
INSERT INTO parent VALUES(1,'a',3),(2,'b',1),(3,'c',NULL);
CREATE UNIQUE INDEX codes ON parent(code);
CREATE TABLE audit(what);
CREATE TRIGGER t AFTER INSERT ON child BEGIN INSERT INTO audit VALUES(NEW.id); END;
CREATE VIEW v AS SELECT * FROM child;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('parent',9);
COMMIT;
`;

describe('npm run import, a dump', () => {
  it('[IM1] makes the database and brings schema and rows over as sqlite3 would', async () => {
    const file = write('shop.sql', CHILDREN_FIRST);
    const { code, output, errors } = await runImport(
      server,
      file,
      '--leader',
      'weur',
      '--followers',
      'enam,apac',
    );
    expect([errors, code, server.settings]).toEqual(['', 0, { leader: 'weur', followers: ['enam', 'apac'] }]);
    expect(output).toContain('Imported 6 rows into shop');
    expect(contents(server.database)).toEqual(contents(executed(file)));
  });

  it('[IM3] sends parents before their children, and lets no trigger fire for rows that the dump has before it', async () => {
    const { output } = await runImport(server, write('shop.sql', CHILDREN_FIRST));
    expect(output).toContain('parents first');
    expect(server.all('SELECT count(*) FROM audit')).toEqual([[0n]]);
    expect(server.all('PRAGMA foreign_key_check')).toEqual([]);
  });

  it('[IM3] rows that refer to later rows of another batch are applied in the end', async () => {
    const rest = Array.from(
      { length: 1500 },
      (_, at) => `INSERT INTO c VALUES(${1500 - at},NULL,'${'x'.repeat(300)}');`,
    );
    const file = write(
      'chain.sql',
      [
        'CREATE TABLE c(id INTEGER PRIMARY KEY, other REFERENCES c(id), b);',
        "INSERT INTO c VALUES(2000,1,'first');",
        ...rest,
      ].join('\n'),
    );
    expect((await runImport(server, file)).code).toBe(0);
    expect(server.all('SELECT count(*), max(other) FROM c')).toEqual([[1501n, 1n]]);
  });

  it('[IM3] says which rows refer to rows that the file lacks, and applies the others', async () => {
    const { code, errors } = await runImport(
      server,
      write(
        'lacks.sql',
        'CREATE TABLE c(id INTEGER PRIMARY KEY, other REFERENCES c(id));\nINSERT INTO c VALUES(1,2),(3,9),(2,1);',
      ),
    );
    expect([code, errors.includes('line 2, row 2: INSERT INTO c VALUES (3,9)')]).toEqual([1, true]);
  });

  it('[IM4] keeps every statement below the limit: at rows, and long literals as parameters', async () => {
    const file = write(
      'long.sql',
      `CREATE TABLE t(a, b);\nINSERT INTO t VALUES(1,X'${'ab'.repeat(80_000)}'),${Array.from({ length: 20_000 }, (_, at) => `(${at},'né ${at}')`).join(',')};`,
    );
    const { code } = await runImport(server, file);
    expect(code).toBe(0);
    const statements = server.bodies.flatMap(
      (body) => (JSON.parse(body) as { statements: { sql: string }[] }).statements,
    );
    expect(Math.max(...statements.map(({ sql }) => Buffer.byteLength(sql)))).toBeLessThanOrEqual(100_000);
    expect(contents(server.database)).toEqual(contents(executed(file)));
  });

  it('[IM7] says what it left out', async () => {
    const { output } = await runImport(server, write('shop.sql', CHILDREN_FIRST));
    expect(output).toContain('skipped 1 × PRAGMA foreign_keys=OFF');
    expect(output).toContain('skipped 1 × BEGIN (each batch is a transaction of its own)');
  });

  it('[IM6] stops at the line at fault with the server’s detail, and goes on from there', async () => {
    const file = write(
      'bad.sql',
      'CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n\nINSERT INTO missing VALUES(7);\nINSERT INTO t VALUES(2);',
    );
    const { code, errors } = await runImport(server, file);
    expect(code).toBe(1);
    expect(errors).toContain('line 4: sql-error: no such table: missing\n  INSERT INTO missing VALUES (7)');
    server.database.exec('CREATE TABLE missing(a)');
    expect((await runImport(server, file)).code).toBe(0);
    expect(server.all('SELECT a FROM t')).toEqual([[1n], [2n]]);
  });

  it('[IM6] refuses a dump that ends in ROLLBACK', async () => {
    const { code, errors } = await runImport(
      server,
      write('cut.sql', 'BEGIN;\nCREATE TABLE t(a);\nROLLBACK; -- due to errors'),
    );
    expect([code, errors.includes('Line 3 is ROLLBACK')]).toEqual([1, true]);
  });
});

describe('npm run import, broken off', () => {
  it('[IM5] a lost answer and a refusal are tried again with the same request id, and no row is doubled', async () => {
    server.fault = (query) => (['none', 'lose-answer', 'refuse'] as const)[query % 3] ?? 'none';
    expect((await runImport(server, write('many.sql', manyRows(4000)))).code).toBe(0);
    expect(server.all('SELECT count(*), count(DISTINCT a) FROM t')).toEqual([[4000n, 4000n]]);
    expect(new Set(server.requestIds).size).toBeLessThan(server.requestIds.length);
  });

  it.each(['with its journal', 'without its journal'])(
    '[IM5] goes on %s and doubles nothing',
    async (how) => {
      const file = write('many.sql', manyRows(4000));
      // Everything after the second batch is applied but never answered, as by a client that dies.
      server.fault = (query) => (query === 2 ? 'lose-answer' : query > 2 ? 'refuse' : 'none');
      const broken = await runImport(server, file);
      expect([broken.code, broken.errors.includes('Run the same command again')]).toEqual([1, true]);
      const journal = `${file}.tidemark-import.json`;
      expect(existsSync(journal)).toBe(true);
      if (how === 'without its journal') writeFileSync(journal, '');
      server.fault = () => 'none';
      const { code, output } = await runImport(server, file);
      expect([code, output.includes('had been applied by an earlier run'), existsSync(journal)]).toEqual([
        0,
        true,
        false,
      ]);
      expect(server.all('SELECT count(*), count(DISTINCT a) FROM t')).toEqual([[4000n, 4000n]]);
    },
  );

  it('[IM5] a second import of the same file adds nothing and says so; --restart sends it again', async () => {
    const file = write('rows.sql', 'CREATE TABLE IF NOT EXISTS t(a);\nINSERT INTO t VALUES(1);');
    await runImport(server, file);
    expect((await runImport(server, file)).output).toContain('nothing was added');
    await runImport(server, file, '--restart');
    expect(server.all('SELECT count(*) FROM t')).toEqual([[2n]]);
  });
});

/** Fills more than one batch. */
function filler(): string {
  const rows = Array.from(
    { length: 4 },
    (_, at) => `INSERT INTO filler VALUES(${at},'${'x'.repeat(90_000)}');`,
  );
  return ['CREATE TABLE filler(id, b);', ...rows, ''].join('\n');
}

describe('npm run import, rows that have to wait', () => {
  it('[IM5] a second import doubles no row of a batch that was applied in parts, with and without a key', async () => {
    const file = write(
      'parts.sql',
      `CREATE TABLE node(id INTEGER PRIMARY KEY, boss REFERENCES node(id)); CREATE TABLE log(a);
INSERT INTO log VALUES('one'); INSERT INTO node VALUES(1,9); INSERT INTO log VALUES('two');
${filler()}INSERT INTO node VALUES(9,NULL);
CREATE TRIGGER t AFTER DELETE ON node BEGIN SELECT 1; END;`,
    );
    expect((await runImport(server, file)).errors).toBe('');
    expect(contents(server.database)).toEqual(contents(executed(file)));
    const again = await runImport(server, file);
    expect([again.code, again.output.includes('nothing was added')]).toEqual([0, true]);
    expect(contents(server.database)).toEqual(contents(executed(file)));
  });

  it('[IM5] an import that stopped, went on and is run once more doubles no row', async () => {
    const file = write(
      'stopped.sql',
      'CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\nINSERT INTO missing VALUES(7);\nINSERT INTO t VALUES(2),(3);',
    );
    expect((await runImport(server, file)).code).toBe(1);
    server.database.exec('CREATE TABLE missing(a)');
    expect((await runImport(server, file)).code).toBe(0);
    expect((await runImport(server, file)).output).toContain('nothing was added');
    expect(server.all('SELECT a FROM t UNION ALL SELECT a FROM missing')).toEqual([[1n], [2n], [3n], [7n]]);
  });

  it('[IM5] says that nothing was added also where a batch holds no rows', async () => {
    const file = write('shop.sql', CHILDREN_FIRST);
    await runImport(server, file);
    expect((await runImport(server, file)).output).toContain('nothing was added');
  });

  const nodes = 'CREATE TABLE node(id INTEGER PRIMARY KEY AUTOINCREMENT, boss REFERENCES node(id));';
  it.each([
    ['has no key', nodes, 'INSERT INTO node(boss) VALUES(9);', '(9)'],
    ['has the key NULL', nodes, 'INSERT INTO node VALUES(NULL,9);', '(NULL,9)'],
    [
      'has no rowid given',
      'CREATE TABLE node(id UNIQUE, boss REFERENCES node(id));',
      'INSERT INTO node VALUES(1,9);',
      '(1,9)',
    ],
    ['is picked by a query', nodes, 'INSERT INTO node SELECT 1, 9;', 'SELECT 1, 9'],
    [
      'follows one that waits',
      nodes,
      'INSERT INTO node VALUES(3,9);\n\nINSERT INTO node(boss) VALUES(NULL);',
      '(NULL)',
    ],
  ])('[IM6] refuses to let a row wait that %s', async (_what, table, rows, shown) => {
    const file = write('keys.sql', `${table}\n${rows}\n${filler()}INSERT INTO node VALUES(9,NULL);`);
    const { code, errors } = await runImport(server, file);
    const line = rows.includes('\n') ? 4 : 2;
    expect([code, errors.includes(`line ${line}: `)]).toEqual([1, true]);
    expect(errors).toContain(shown);
    expect(errors).toContain('Give the keys in the file');
    expect(server.all('SELECT count(*) FROM node')).toEqual([[0n]]);
  });

  it.each([
    'CREATE TABLE node(boss REFERENCES node(id), "Id" INTEGER PRIMARY KEY); INSERT INTO node(boss, ID) VALUES((9), -5);',
    'CREATE TABLE node(id UNIQUE, boss REFERENCES node(id)); INSERT INTO node(rowid, id, boss) VALUES(7, 1, 9);',
    "CREATE TABLE node(id TEXT PRIMARY KEY, boss REFERENCES node(id)) WITHOUT ROWID; INSERT INTO node VALUES('a', 9);",
  ])('[IM3] lets a row wait that has its key: %s', async (text) => {
    const names = text.includes('(rowid') ? 'rowid, id' : 'id';
    const file = write(
      'given.sql',
      `${text}\n${filler()}INSERT INTO node(${names}) VALUES(${names.replaceAll(/\w+/g, '9')});`,
    );
    expect((await runImport(server, file)).errors).toBe('');
    expect(contents(server.database)).toEqual(contents(executed(file)));
  });

  it('[IM1] keeps AUTOINCREMENT’s memory where rows had to wait', async () => {
    const file = write(
      'memory.sql',
      `${nodes}\nINSERT INTO node VALUES(5,9);\n${filler()}INSERT INTO node VALUES(9,NULL);\nDELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('node',100);`,
    );
    expect((await runImport(server, file)).errors).toBe('');
    expect(server.all('SELECT * FROM sqlite_sequence')).toEqual([['node', 100n]]);
  });

  it('[IM3] a trigger fires for the rows that the file has after it, also where children come first', async () => {
    const file = write(
      'fires.sql',
      `CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id)); CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE log(x);
INSERT INTO child VALUES(1,1); INSERT INTO parent VALUES(1);
CREATE TRIGGER t AFTER INSERT ON child BEGIN INSERT INTO log VALUES(new.id); END;
INSERT INTO child VALUES(2,1);`,
    );
    expect((await runImport(server, file)).errors).toBe('');
    expect(server.all('SELECT x FROM log')).toEqual([[2n]]);
  });

  it('[IM3] stops before a trigger that would fire for rows that still wait', async () => {
    const file = write(
      'early.sql',
      `CREATE TABLE node(id INTEGER PRIMARY KEY, boss REFERENCES node(id)); CREATE TABLE log(x);
INSERT INTO node VALUES(1,2);
CREATE TRIGGER t AFTER INSERT ON node BEGIN INSERT INTO log VALUES(new.id); END;
INSERT INTO node VALUES(2,NULL);`,
    );
    const { code, errors } = await runImport(server, file);
    expect([code, errors.includes('line 3 makes a trigger')]).toEqual([1, true]);
    expect(server.all('SELECT x FROM log')).toEqual([]);
  });
});

describe('npm run import, other files', () => {
  it('[IM8] brings an SQLite file over with every type as it is', async () => {
    const path = files.path('all.sqlite');
    const origin = new DatabaseSync(path);
    origin.exec(`CREATE TABLE child(id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES zparent(id), v, twice AS (id * 2));
      CREATE TABLE zparent(id TEXT PRIMARY KEY, "odd ""name""" ANY) STRICT, WITHOUT ROWID;
      CREATE INDEX part ON child(v) WHERE v > 1;
      INSERT INTO zparent VALUES('a', 1.0), ('b', 1), ('c', x'00ff'), ('d', '');
      INSERT INTO child(p, v) VALUES('a', 9223372036854775807), ('b', -9223372036854775808), ('a', 9e999), ('a', -9e999), ('a', 1.0),
        ('a', 1), (NULL, 'a' || char(0) || 'b'), ('b', x''), ('b', 0.1), ('b', 1e300), ('b', '😀''"'), ('b', zeroblob(300000));
      DELETE FROM child WHERE id = 12; INSERT INTO child(id, v) VALUES (50, NULL); DELETE FROM child WHERE id = 50;
      CREATE VIEW v AS SELECT * FROM child;
      CREATE TRIGGER t AFTER INSERT ON child BEGIN DELETE FROM zparent; END;`);
    const { code, errors } = await runImport(server, path);
    expect([code, errors]).toEqual([0, '']);
    expect(contents(server.database)).toEqual(contents(origin));
    origin.close();
  });

  it('[IM9] makes a table of a JSON array, with types from the rows', async () => {
    const file = write(
      'cities.json',
      '[{"name":"Vil[a}","lat":1.5,"big":9007199254740993,"yes":true}, {"name":"\\"q\\"","lat":2,"more":{"a":[9007199254740993]}},\n{"odd":1},{"odd":"x"}]',
    );
    expect((await runImport(server, file, '--table', 'city')).code).toBe(0);
    expect(server.all('SELECT *, typeof(lat) FROM city')).toEqual([
      ['Vil[a}', 1.5, 9007199254740993n, 1n, null, null, 'real'],
      ['"q"', 2, null, null, '{"a":[9007199254740993]}', null, 'real'],
      [null, null, null, null, null, 1n, 'null'],
      [null, null, null, null, null, 'x', 'null'],
    ]);
  });

  it('[IM9] makes a table of a CSV file; postal codes stay text', async () => {
    const file = write(
      'places.csv',
      'zip,n,x,note\r\n01234,1,1.5,"a ""b"",\r\nc"\r\n99999,2,,""\r\n1e5,3,2,last',
    );
    expect((await runImport(server, file, '--primary-key', 'zip')).code).toBe(0);
    expect(server.all('SELECT * FROM places')).toEqual([
      ['01234', 1n, 1.5, 'a "b",\r\nc'],
      ['99999', 2n, null, ''],
      ['1e5', 3n, 2, 'last'],
    ]);
  });

  it.each([
    ['[{"a":1},{"a"', 'not a whole JSON array'],
    ['{"a":1}', 'must be an array of objects'],
    ['[]', 'no rows'],
  ])('[IM6] says what is wrong with the JSON %s', async (text, message) => {
    expect((await runImport(server, write('bad.json', text))).errors).toContain(message);
  });

  it('[IM6] says what is wrong with the command', async () => {
    const file = write('a.sql', 'SELECT 1');
    expect((await runImport(server, file, '--key', 'wrong')).errors).toContain('Give the admin key');
    expect((await runImport(server, file, '--leader', 'mars')).errors).toContain('mars is not a region');
    expect((await runImport(server, file, '--color')).errors).toContain('--help');
    expect((await runImport(server, write('a.txt', ''))).errors).toContain('none of .sql');
    expect((await runImport(server, file, '--help')).output).toContain('npm run import');
  });
});
