/** Whole numbers below a bound, the same ones each time. */
type Draw = (below: number) => number;

function drawing(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const WORDS = [
  "Für|Elise|Rock 'n' Roll|Ænima|Águas|de|Março|東京|🎸|Слава|Ωmega|100%|a;b|-- no comment".split('|'),
  '/* nor this */|"quoted"|[bracketed]|`ticked`|back\\slash|line\nbreak|tab\tbed|CREATE TRIGGER|END;'.split(
    '|',
  ),
].flat();

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function words(draw: Draw, count: number): string {
  return Array.from({ length: count }, () => WORDS[draw(WORDS.length)]).join(' ');
}

function bytes(draw: Draw, count: number): string {
  return `x'${Array.from({ length: count }, () => draw(256).toString(16).padStart(2, '0')).join('')}'`;
}

/** One of them, by its place. */
function cycle(values: readonly string[], at: number): string {
  return values[at % values.length] ?? '';
}

function times(count: number, row: (id: number) => readonly (string | number)[]): string[] {
  return Array.from({ length: count }, (_, at) => `(${row(at + 1).join(', ')})`);
}

/** One statement for all rows, as most sample databases have it: far longer than the platform takes. */
function together(head: string, rows: readonly string[]): string {
  return `INSERT INTO ${head} VALUES\r\n    ${rows.join(',\r\n    ')};`;
}

function apart(head: string, rows: readonly string[]): string {
  return rows.map((row) => `INSERT INTO ${head} VALUES${row};`).join('\r\n');
}

const COUNTS = {
  artists: 150,
  albums: 260,
  tracks: 1500,
  employees: 420,
  customers: 300,
  invoices: 400,
  lines: 1600,
  covers: 60,
  plays: 350,
};
const GENRES = ['rock', 'Jazz', 'choro', 'ÉLECTRO', "drum'n'bass"];

const TABLES = `
/*******************************************************************************
   Create Tables; it's the children that come first
********************************************************************************/
CREATE TABLE [InvoiceLine]
(
    [InvoiceLineId] INTEGER  NOT NULL,
    [InvoiceId] INTEGER  NOT NULL,
    [TrackId] INTEGER  NOT NULL, -- what was sold; don't ask by whom
    [UnitPrice] NUMERIC(10,2)  NOT NULL,
    [Quantity] INTEGER  NOT NULL DEFAULT 1 CHECK ([Quantity] > 0),
    [Total] NUMERIC AS ([UnitPrice] * [Quantity]) STORED,
    CONSTRAINT [PK_InvoiceLine] PRIMARY KEY  ([InvoiceLineId]),
    FOREIGN KEY ([InvoiceId]) REFERENCES [Invoice] ([InvoiceId])
		ON DELETE CASCADE ON UPDATE NO ACTION,
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId])
		ON DELETE NO ACTION ON UPDATE NO ACTION
);
CREATE TABLE [Invoice]
(
    [InvoiceId] INTEGER PRIMARY KEY NOT NULL,
    [CustomerId] INTEGER  NOT NULL REFERENCES [Customer] ON DELETE RESTRICT,
    [InvoiceDate] DATETIME  NOT NULL,
    [BillingCity] NVARCHAR(40) COLLATE NOCASE,
    [Total] NUMERIC(10,2)  NOT NULL
);
CREATE TABLE [Customer]
(
    [CustomerId] INTEGER PRIMARY KEY AUTOINCREMENT,
    [FirstName] NVARCHAR(40)  NOT NULL,
    [Größe] REAL,
    [e-mail] NVARCHAR(60) UNIQUE,
    [SupportRepId] INTEGER,
    FOREIGN KEY ([SupportRepId]) REFERENCES [Employee] ([EmployeeId]) ON DELETE SET NULL
);
CREATE TABLE [Employee]
(
    [EmployeeId] INTEGER  NOT NULL PRIMARY KEY,
    [LastName] NVARCHAR(20)  NOT NULL,
    [ReportsTo] INTEGER REFERENCES [Employee] ([EmployeeId]),
    [HireDate] DATETIME,
    [Notes] NTEXT
);
CREATE TABLE [PlaylistTrack]
(
    [PlaylistId] INTEGER  NOT NULL,
    [TrackId] INTEGER  NOT NULL REFERENCES [Track],
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY  ([PlaylistId], [TrackId])
) WITHOUT ROWID;
CREATE TABLE [Cover] ([AlbumId] INT UNIQUE REFERENCES [Album] ([AlbumId]), [Image] BLOB, [Note]);
CREATE TABLE [Track]
(
    [TrackId] INTEGER  NOT NULL PRIMARY KEY,
    [Name] NVARCHAR(200)  NOT NULL,
    [AlbumId] INTEGER REFERENCES [Album] ([AlbumId]),
    [Genre] NVARCHAR(20) REFERENCES [Genre] ([Code]),
    [Milliseconds] BIGINT,
    [Gain] REAL,
    [UnitPrice] NUMERIC(10,2)  NOT NULL
);
CREATE TABLE [Album]
(
    [AlbumId] INTEGER  NOT NULL PRIMARY KEY,
    [Title] NVARCHAR(160)  NOT NULL,
    [ArtistId] INTEGER  NOT NULL REFERENCES [Artist] ([ArtistId]) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE [Artist] ([ArtistId] INTEGER  NOT NULL PRIMARY KEY, [Name] NVARCHAR(120));
CREATE TABLE [Genre] ([Code] NVARCHAR(20), [Name] NVARCHAR(120));
CREATE TABLE [Play Log] ([At] DATETIME, [What], [Value] ANY);
`;

const INTEGERS = [
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '-1',
  '0',
  '343719',
  'NULL',
  "'12'",
];
const REALS = [
  '0.1',
  '1e308',
  '-2.2250738585072014e-308',
  '5e-324',
  '3.0',
  '-0.0',
  '9e999',
  '-9e999',
  'NULL',
  '0.30000000000000004',
];
const PRICES = ['0.99', '1.00', '1.99', '12.50', "'0.990'", '0'];
const DATES = ["'2009-01-01 00:00:00'", "'2010'", '2455197.5', "'12/31/2011'"];
const ANYTHING = [
  'NULL',
  '1',
  '1.0',
  "'1'",
  "x'31'",
  "''",
  "x''",
  "CAST(x'610062' AS TEXT)",
  "replace('a\\nb','\\n',char(10))",
  '1e3',
  '-7 + 2',
];

function rows(draw: Draw): string {
  const { artists, albums, tracks, employees, customers, invoices, lines, covers, plays } = COUNTS;
  const some = (count: number): number => 1 + draw(count);
  /** Managers far above and far below themselves, one in a later batch, a pair who manage each other, and one her own. */
  const manager = (id: number): string | number => {
    if (id === 240) return employees;
    if (id === 50) return 120;
    if (id === 7 || id === 8) return 15 - id;
    if (id === 9) return 9;
    return id === 1 || id === employees ? 'NULL' : Math.ceil(id / 6);
  };
  const line = (id: number) => [id, some(invoices), some(tracks), cycle(PRICES, id), 1 + (id % 3)];
  const invoice = (id: number) => [
    id,
    3 * some(customers),
    cycle(DATES, id),
    text(words(draw, 1)),
    draw(10_000) / 100,
  ];
  const customer = (id: number) => [
    id * 3,
    text(words(draw, 60)),
    id % 4 === 0 ? 'NULL' : cycle(REALS, id),
    text(`c${id}@exämple.org`),
  ];
  const employee = (id: number) => [
    id,
    text(words(draw, 1)),
    manager(id),
    cycle(DATES, id),
    text(words(draw, 180)),
  ];
  const place = (id: number) => (id % 9 === 0 ? 'NULL' : some(albums));
  const song = (id: number) => [id, text(words(draw, 60)), place(id), text(cycle(GENRES, id))];
  const track = (id: number) => [...song(id), cycle(INTEGERS, id), cycle(REALS, id), cycle(PRICES, id)];
  const cover = (id: number) => [
    id,
    bytes(draw, id === 20 ? 90_000 : draw(400)),
    id === 30 ? text(words(draw, 15_000)) : cycle(ANYTHING, id),
  ];
  return [
    together(
      '[InvoiceLine] ([InvoiceLineId], [InvoiceId], [TrackId], [UnitPrice], [Quantity])',
      times(lines, line),
    ),
    apart('[Invoice]', times(invoices, invoice)),
    apart('[Customer] ([CustomerId], [FirstName], [Größe], [e-mail])', times(customers, customer)),
    together(
      '[Customer] ([SupportRepId], [FirstName])',
      times(20, (id) => [id * 5, text(`rep ${id}`)]),
    ),
    together('[Employee]', times(employees, employee)),
    together(
      '[PlaylistTrack]',
      times(500, (id) => [1 + (id % 18), id]),
    ),
    apart('[Cover]', times(covers, cover)),
    together('[Track]', times(tracks, track)),
    apart(
      '"Album"',
      times(albums, (id) => [id, text(words(draw, 4)), some(artists)]),
    ),
    apart(
      '[Artist]',
      times(artists, (id) => [id, id === 13 ? 'NULL' : text(words(draw, 3))]),
    ),
    together(
      '[Genre]',
      times(GENRES.length, (id) => [text(cycle(GENRES, id)), text(words(draw, 2))]),
    ),
    // No key, and many rows alike: a row too many or too few shows.
    together(
      '[Play Log]',
      times(plays, (id) => [cycle(DATES, id), cycle(ANYTHING, id), cycle(ANYTHING, id >> 3)]),
    ),
  ].join('\r\n\r\n');
}

const REST = `
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('Customer',5000);
/* Keys and indexes */
CREATE UNIQUE INDEX [IPK_Genre] ON [Genre] ([Code]);
CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);
CREATE INDEX [IX_Sold] ON [InvoiceLine] ([TrackId], [Total] DESC) WHERE [Total] > 1;
CREATE INDEX [IX_Initial] ON [Artist] (substr([Name], 1, 1) COLLATE NOCASE);
CREATE VIEW [Sales per Artist] AS
  SELECT r.[Name], sum(l.[Total]) AS [Sum; of it] FROM [InvoiceLine] AS l
  JOIN [Track] AS t USING ([TrackId]) JOIN [Album] AS a USING ([AlbumId]) JOIN [Artist] AS r USING ([ArtistId]) GROUP BY 1;
CREATE TRIGGER [Log Sales] AFTER INSERT ON [InvoiceLine] WHEN new.[Quantity] > 0
BEGIN
  INSERT INTO [Play Log] VALUES ('now; then', CASE WHEN new.[UnitPrice] > 1 THEN 'dear' ELSE 'cheap' END, new.[InvoiceLineId]);
  UPDATE [Invoice] SET [Total] = [Total] + new.[Total] WHERE [InvoiceId] = new.[InvoiceId];
END;
COMMIT;
PRAGMA foreign_keys=ON;
`;

/** A sample database as such are published, with everything in it that has ever been a difficulty. About 5,000 rows. */
export function sampleDump(): string {
  const names = [...TABLES.matchAll(/CREATE TABLE (\[[^\]]+\])/g)].map(([, name]) => name);
  const head = [
    '\u{feff}/*******************************************************************************',
    "   Sample Database; it's made up",
    '********************************************************************************/',
    '-- Drop Tables',
    'PRAGMA foreign_keys=OFF;',
    'BEGIN TRANSACTION;',
    ...names.map((name) => `DROP TABLE IF EXISTS ${name};`),
  ].join('\r\n');
  return [
    head,
    TABLES.replaceAll('\n', '\r\n'),
    rows(drawing(20_261_122)),
    REST.replaceAll('\n', '\r\n'),
  ].join('\r\n');
}
