import { refuse } from '../failure.ts';
import { isSymbol, refuseSyntax } from './clauses.ts';
import { isReservedName, refuseReserved } from './reserved.ts';
import { nameOf, type Token } from './tokens.ts';

/** Those that read. The others set something, on this replica alone, or tell of what is not the user's. */
const WITH_NAME: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
]);
const WITH_OR_WITHOUT_NAME: ReadonlySet<string> = new Set(['foreign_key_check', 'quick_check']);
const DEFERRED = /^(?:on|off|true|false|1|0)$/i;

const INSTEAD: Readonly<Record<string, string>> = {
  table_list: 'read sqlite_master for a list of tables',
  integrity_check: 'use PRAGMA quick_check',
  foreign_keys:
    'foreign keys are always enforced; PRAGMA defer_foreign_keys = ON puts the check off to the end of the transaction',
  defer_foreign_keys:
    'write PRAGMA defer_foreign_keys = ON, in the same list of statements as the writes that it is for',
};

interface Argument {
  readonly token: Token;
  readonly isCall: boolean;
}

/** @throws Refusal for every PRAGMA that is not on the lists above. */
export function pragmaKind(sql: string, tokens: readonly Token[]): 'read' | 'setting' {
  const qualified = isSymbol(tokens[2], '.');
  const nameToken = tokens[qualified ? 3 : 1];
  if (nameToken === undefined) return refuseSyntax(sql, nameToken);
  const name = nameOf(nameToken).toLowerCase();
  if (qualified && nameOf(tokens[1] as Token).toLowerCase() !== 'main') return refusePragma(name);
  const argument = argumentOf(sql, tokens.slice(qualified ? 4 : 2));
  if (argument === null) return WITH_OR_WITHOUT_NAME.has(name) ? 'read' : refusePragma(name);

  const value = nameOf(argument.token);
  if (name === 'defer_foreign_keys' && !qualified && DEFERRED.test(value)) return 'setting';
  const reads = WITH_NAME.has(name) || WITH_OR_WITHOUT_NAME.has(name);
  if (!reads || !argument.isCall) return refusePragma(name);
  if (isReservedName(value)) return refuseReserved(value);
  return 'read';
}

function argumentOf(sql: string, tokens: readonly Token[]): Argument | null {
  const [first, second, third] = tokens;
  if (first === undefined) return null;
  const isCall = isSymbol(first, '(');
  if (!isCall && !isSymbol(first, '=')) return refuseSyntax(sql, first);
  if (second === undefined || !isValue(second)) return refuseSyntax(sql, second);
  if (isCall && !isSymbol(third, ')')) return refuseSyntax(sql, third);
  const rest = tokens[isCall ? 3 : 2];
  return rest === undefined ? { token: second, isCall } : refuseSyntax(sql, rest);
}

function isValue({ kind }: Token): boolean {
  return kind === 'word' || kind === 'quoted' || kind === 'string' || kind === 'number';
}

function refusePragma(name: string): never {
  const instead =
    INSTEAD[name] ??
    `of the PRAGMAs, these may be used: ${[...WITH_NAME].join(', ')} with a name in brackets; ${[...WITH_OR_WITHOUT_NAME].join(', ')}; and defer_foreign_keys`;
  return refuse({ code: 'sql-not-allowed', detail: `PRAGMA ${name} is not taken in this form: ${instead}` });
}
