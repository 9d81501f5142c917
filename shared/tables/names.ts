import { refuse } from '../failure.ts';
import { isSymbol, wordAt } from './clauses.ts';
import { checkName, isSchemaTable, SCHEMA_VIEW } from './reserved.ts';
import { nameOf, type Token } from './tokens.ts';

/** What is to stand in place of a piece of the user's text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** After these no table may follow in the same brackets; all are words that cannot be names. */
const AFTER_TABLES: ReadonlySet<string> = new Set([
  'SELECT',
  'WHERE',
  'GROUP',
  'HAVING',
  'ORDER',
  'LIMIT',
  'SET',
  'VALUES',
]);
/** After these stands one table's name, and a bracket starts something else. */
const BEFORE_ONE_TABLE: ReadonlySet<string> = new Set(['INTO', 'UPDATE', 'IN']);

/**
 * Refuses what a statement on rows may not name, and turns SQLite's schema table into the view that users see.
 *
 * SQLite takes a 'string' for a name where only a name can stand. Such a string must be found here: the plan
 * of a write opens Tidemark's tables by itself (its triggers), so a look at the plan alone would have to tell
 * two writers of one table apart.
 */
export function checkNames(tokens: readonly Token[]): Edit[] {
  const edits: Edit[] = [];
  const lists = new TableLists();
  tokens.forEach((token, i) => {
    const isTable = lists.take(tokens, i);
    if (!isName(token) && !(token.kind === 'string' && (isTable || isPragmaArgument(tokens, i)))) return;
    const name = nameOf(token);
    checkName(name);
    checkCall(tokens, i);
    if (!isSchemaTable(name)) return;
    edits.push({
      start: token.start,
      end: token.end,
      text: token.kind === 'word' ? SCHEMA_VIEW : `"${SCHEMA_VIEW}"`,
    });
  });
  return edits;
}

/**
 * Refuses what a schema statement may not name. In these any string may be a name, and what they make is
 * run later without another look, so strings are held to the rule for names.
 */
export function checkSchemaNames(tokens: readonly Token[]): void {
  for (const [i, token] of tokens.entries()) {
    if (!isName(token) && token.kind !== 'string') continue;
    const name = nameOf(token);
    checkName(name);
    checkCall(tokens, i);
    if (!isSchemaTable(name)) continue;
    refuse({
      code: 'sql-not-allowed',
      detail: `${name} can be read by a query, but not used in a view, a trigger or a table`,
    });
  }
}

/** It counts the rows that capture writes, too, and a user's row could keep the sum. */
function checkCall(tokens: readonly Token[], at: number): void {
  if (wordAt(tokens, at) !== 'TOTAL_CHANGES' || !isSymbol(tokens[at + 1], '(')) return;
  refuse({
    code: 'sql-not-allowed',
    detail: 'total_changes() would count rows of the log; use changes(), or the changes in "meta"',
  });
}

function isName({ kind }: Token): boolean {
  return kind === 'word' || kind === 'quoted';
}

/** `pragma_table_info('name')`; a name that is computed gets through, and shows the columns of a table at most. */
function isPragmaArgument(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 2];
  return (
    isSymbol(tokens[at - 1], '(') &&
    before !== undefined &&
    isName(before) &&
    /^pragma_/i.test(nameOf(before))
  );
}

/** Follows, through brackets, whether a list of tables (behind FROM) is being read. */
class TableLists {
  readonly #around: boolean[] = [];
  #inList = false;

  /** Whether a name at this token names a table. Asked of each token in turn. */
  take(tokens: readonly Token[], at: number): boolean {
    const token = tokens[at];
    const continuesList = this.#continuesList(tokens, at - 1);
    if (isSymbol(token, '(')) {
      this.#around.push(this.#inList);
      this.#inList = continuesList;
    }
    if (isSymbol(token, ')')) this.#inList = this.#around.pop() ?? false;
    const word = wordAt(tokens, at);
    // IS DISTINCT FROM compares two values.
    if (word === 'FROM' && wordAt(tokens, at - 1) !== 'DISTINCT') this.#inList = true;
    if (AFTER_TABLES.has(word)) this.#inList = false;
    return continuesList || isOneTable(tokens, at - 1);
  }

  #continuesList(tokens: readonly Token[], before: number): boolean {
    const word = wordAt(tokens, before);
    if (word === 'JOIN' || (word === 'FROM' && this.#inList)) return true;
    return this.#inList && (isSymbol(tokens[before], ',') || isSymbol(tokens[before], '('));
  }
}

function isOneTable(tokens: readonly Token[], before: number): boolean {
  if (isSymbol(tokens[before], '.') || BEFORE_ONE_TABLE.has(wordAt(tokens, before))) return true;
  // UPDATE OR IGNORE 'name'
  return wordAt(tokens, before - 1) === 'OR' && wordAt(tokens, before - 2) === 'UPDATE';
}
