import { refuse } from '../failure.ts';
import { SQL_BYTES_MAX } from '../limits.ts';
import { Lru } from '../lru.ts';
import { utf8Length } from '../utf8.ts';
import {
  isCreateTableAs,
  isTemporary,
  mainVerbAt,
  oneStatement,
  refuseRollback,
  refuseSyntax,
  wordAt,
} from './clauses.ts';
import { checkNames, checkSchemaNames, type Edit } from './names.ts';
import { checkParametersMax, findParameters, type Parameters } from './parameters.ts';
import { type PlanText, planTextOf } from './plan-text.ts';
import { pragmaKind } from './pragma.ts';
import { type Token, tokenize } from './tokens.ts';

export type StatementKind = 'read' | 'write' | 'schema' | 'setting';

/** One statement that a user may send, as far as its words tell; `Inspector` looks at what it opens. */
export interface ParsedStatement {
  /** By the look of it: a `write` may turn out to change nothing, a `read` never changes anything. */
  readonly kind: StatementKind;
  /** In capitals, behind common table expressions: INSERT for `WITH … INSERT`; EXPLAIN for all of its kind. */
  readonly verb: string;
  /** What is to be run: no comments or semicolons around it, SQLite's schema table replaced by the users' view. */
  readonly text: string;
  /** Places in `text`. */
  readonly parameters: Parameters;
  readonly createsTableAs: boolean;
  readonly readsSchema: boolean;
  /** A write that gives rows back. */
  readonly returns: boolean;
  /** What to plan to see which tables it opens; null where the words alone tell enough. */
  readonly plan: PlanText | null;
  /** Byte offsets in `text` become those in what the user sent. */
  readonly origin: Origin;
}

export interface Origin {
  readonly sql: string;
  readonly start: number;
  readonly edits: readonly Edit[];
}

const READING: ReadonlySet<string> = new Set(['SELECT', 'VALUES']);
const WRITING: ReadonlySet<string> = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);
const OBJECTS: ReadonlySet<string> = new Set(['TABLE', 'INDEX', 'VIEW', 'TRIGGER']);

const LIST = 'send the statements as a list, "statements": a list is one transaction';
const NOT_TAKEN: Readonly<Record<string, string>> = {
  BEGIN: LIST,
  COMMIT: LIST,
  END: LIST,
  ROLLBACK: LIST,
  SAVEPOINT: LIST,
  RELEASE: LIST,
  ATTACH: 'a query reaches one database; send a query to each',
  DETACH: 'a query reaches one database; send a query to each',
  VACUUM: 'the platform keeps the file; nothing needs to be done',
};

/** @throws Refusal: `sql-not-allowed`, `sql-error` or `too-large`. */
export function parseStatement(sql: string): ParsedStatement {
  checkText(sql);
  const tokens = oneStatement(legalTokens(sql));
  const isExplain = wordAt(tokens, 0) === 'EXPLAIN';
  const inner = isExplain ? afterExplain(tokens) : 0;
  const { kind, verb } = classify(sql, tokens, inner);
  if (isExplain && (verb === 'PRAGMA' || kind === 'schema')) refuseExplain(verb);
  refuseRollback(tokens);
  return assemble({
    sql,
    tokens,
    inner,
    kind: isExplain ? 'read' : kind,
    verb: isExplain ? 'EXPLAIN' : verb,
  });
}

function checkText(sql: string): void {
  if (sql.length * 3 > SQL_BYTES_MAX && utf8Length(sql) > SQL_BYTES_MAX) {
    refuse({
      code: 'too-large',
      detail: `the statement is longer than ${SQL_BYTES_MAX} bytes; send several, or bind long values as parameters`,
      limit: SQL_BYTES_MAX,
    });
  }
  // SQLite stops reading at a NUL, and what is behind it would silently not run.
  if (sql.includes('\0'))
    refuse({
      code: 'sql-not-allowed',
      detail: 'the text holds a NUL character; write char(0) or bind the value',
    });
  if (!sql.isWellFormed())
    refuse({
      code: 'invalid-request',
      detail: 'the SQL text holds half of a surrogate pair, which UTF-8 cannot carry',
    });
}

function legalTokens(sql: string): readonly Token[] {
  const tokens = tokenize(sql);
  const last = tokens.at(-1);
  if (last?.kind !== 'illegal') return tokens;
  const offset = utf8Length(sql.slice(0, last.start));
  return refuse({ code: 'sql-error', detail: `unrecognized token: "${last.text.slice(0, 100)}"`, offset });
}

function afterExplain(tokens: readonly Token[]): number {
  return wordAt(tokens, 1) === 'QUERY' && wordAt(tokens, 2) === 'PLAN' ? 3 : 1;
}

function refuseExplain(verb: string): never {
  return refuse({
    code: 'sql-not-allowed',
    detail: `EXPLAIN ${verb} is not taken: EXPLAIN is for statements that read or write rows`,
  });
}

interface Classified {
  readonly kind: StatementKind;
  readonly verb: string;
}

function classify(sql: string, tokens: readonly Token[], start: number): Classified {
  const at = mainVerbAt(sql, tokens, start);
  const verb = wordAt(tokens, at);
  if (READING.has(verb)) return { kind: 'read', verb };
  if (WRITING.has(verb)) return { kind: 'write', verb };
  const instead = NOT_TAKEN[verb];
  if (at > start) return refuseSyntax(sql, tokens[at]);
  if (instead !== undefined)
    return refuse({ code: 'sql-not-allowed', detail: `${verb} is not taken: ${instead}` });
  if (verb === 'PRAGMA') return { kind: pragmaKind(sql, tokens.slice(start)), verb };
  if (isSchemaVerb(sql, tokens.slice(start))) return { kind: 'schema', verb };
  return refuseSyntax(sql, tokens[start]);
}

function isSchemaVerb(sql: string, tokens: readonly Token[]): boolean {
  const verb = wordAt(tokens, 0);
  if (verb === 'ANALYZE' || verb === 'REINDEX') return true;
  if (verb !== 'CREATE' && verb !== 'ALTER' && verb !== 'DROP') return false;
  const object = wordAt(tokens, 1);
  if (isTemporary(tokens))
    refuse({
      code: 'sql-not-allowed',
      detail: 'there are no temporary tables, views or triggers; leave TEMP out',
    });
  if (verb === 'CREATE' && object === 'VIRTUAL') {
    refuse({
      code: 'sql-not-allowed',
      detail:
        'virtual tables (FTS5, R*Tree) are not replicated yet; keep the text in a table and search with LIKE or instr(), or build the search index outside',
    });
  }
  if (verb === 'CREATE' && object === 'UNIQUE' && wordAt(tokens, 2) === 'INDEX') return true;
  return OBJECTS.has(object) && (verb !== 'ALTER' || object === 'TABLE')
    ? true
    : refuseSyntax(sql, tokens[1]);
}

interface Parts extends Classified {
  readonly sql: string;
  readonly tokens: readonly Token[];
  /** The token behind EXPLAIN, else 0. */
  readonly inner: number;
}

function assemble({ sql, tokens, inner, kind, verb }: Parts): ParsedStatement {
  const edits = checkedNames(tokens, kind, verb);
  const start = (tokens[0] as Token).start;
  const end = (tokens.at(-1) as Token).end;
  const text = edited(sql, { start, end }, edits);
  const placed = start === 0 && edits.length === 0 ? tokens : tokenize(text);
  const parameters = findParameters(placed);
  checkParametersMax(parameters.count);
  if (kind === 'schema' && parameters.count > 0) {
    refuse({
      code: 'sql-not-allowed',
      detail:
        'a schema statement takes no parameters; write the values into the text, or create the table and then INSERT',
    });
  }
  return {
    kind,
    verb,
    text,
    parameters,
    createsTableAs: isCreateTableAs(tokens),
    readsSchema: edits.length > 0,
    returns:
      kind === 'write' &&
      tokens.some((token) => token.kind === 'word' && token.text.toUpperCase() === 'RETURNING'),
    plan: isPlanned(verb) ? planTextOf(text, placed.slice(inner), (placed[inner] as Token).start) : null,
    origin: { sql, start, edits },
  };
}

function checkedNames(tokens: readonly Token[], kind: StatementKind, verb: string): Edit[] {
  if (verb === 'PRAGMA') return [];
  if (kind !== 'schema') return checkNames(tokens);
  checkSchemaNames(tokens);
  return [];
}

/** PRAGMAs act when they are planned. ANALYZE and REINDEX open all tables, Tidemark's too, and change no row. */
function isPlanned(verb: string): boolean {
  return verb !== 'PRAGMA' && verb !== 'ANALYZE' && verb !== 'REINDEX';
}

function edited(
  sql: string,
  range: { readonly start: number; readonly end: number },
  edits: readonly Edit[],
): string {
  let text = '';
  let at = range.start;
  for (const edit of edits) {
    text += sql.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + sql.slice(at, range.end);
}

const CACHED_STATEMENTS_MAX = 1000;
const CACHED_CHARS_MAX = 2000;

/** `parseStatement`, remembering the short texts used last: an application sends few texts, many times. */
export class StatementCache {
  readonly #parsed = new Lru<string, ParsedStatement>(CACHED_STATEMENTS_MAX);

  /** @throws Refusal as `parseStatement` does. */
  parse(sql: string): ParsedStatement {
    const known = this.#parsed.get(sql);
    if (known !== undefined) return known;
    const parsed = parseStatement(sql);
    if (sql.length <= CACHED_CHARS_MAX) this.#parsed.set(sql, parsed);
    return parsed;
  }
}
