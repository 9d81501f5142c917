import { base64 } from '@scure/base';
import * as v from 'valibot';

import { refuse } from '../failure.ts';
import { FOLLOWERS_MAX, PARAMS_MAX, STATEMENTS_MAX } from '../limits.ts';
import { toEpoch } from '../lsn.ts';
import { REGIONS } from '../regions.ts';
import type { SqlParam, Statement } from '../tables/values.ts';
import type { FailoverWish, FollowerWish } from './directory.ts';
import { DURABILITIES } from './settings.ts';

// The same schemas validate what comes in and make the OpenAPI document.

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const AUTOMATIC_FAILOVER_SECONDS_MIN = 5;
const AUTOMATIC_FAILOVER_SECONDS_MAX = 3600;
const SECONDS_FORM = `must be from ${AUTOMATIC_FAILOVER_SECONDS_MIN} to ${AUTOMATIC_FAILOVER_SECONDS_MAX} seconds, or null`;

const PARAM_FORMS =
  'must be a string, a number, a boolean, null, {"base64": "…"}, {"integer": "…"} or {"real": …}';

const Base64Param = v.strictObject({ base64: v.string() });
const IntegerParam = v.strictObject({ integer: v.pipe(v.string(), v.regex(/^-?\d{1,19}$/)) });
const RealParam = v.strictObject({ real: v.number() });

const ParamSchema = v.pipe(
  v.union([v.string(), v.number(), v.boolean(), v.null(), Base64Param, IntegerParam, RealParam], PARAM_FORMS),
  v.description(
    'A number without fraction or exponent binds as INTEGER, any other as REAL; a boolean as 0 or 1; base64 as BLOB. ' +
      '`integer` takes digits that a JSON number cannot hold, and `real` a whole number that must bind as REAL.',
  ),
  v.metadata({ ref: 'Param' }),
);

type Param = v.InferOutput<typeof ParamSchema>;

const StatementSchema = v.strictObject({
  sql: v.string('must be a string'),
  params: v.optional(v.array(ParamSchema, 'must be an array')),
});

const TransactionSchema = v.strictObject({
  statements: v.array(StatementSchema, 'must be an array of statements'),
});

/** One statement, or a list of statements that is one transaction. */
export const QueryBodySchema = v.union([StatementSchema, TransactionSchema]);

const RegionSchema = v.picklist(REGIONS, `must be one of ${REGIONS.join(', ')}`);

const AutomaticFailoverSchema = v.pipe(
  v.nullable(
    v.pipe(
      v.number('must be a number of seconds, or null'),
      v.minValue(AUTOMATIC_FAILOVER_SECONDS_MIN, SECONDS_FORM),
      v.maxValue(AUTOMATIC_FAILOVER_SECONDS_MAX, SECONDS_FORM),
    ),
  ),
  v.description(
    'After how many seconds without an answer from the leader another replica is promoted by itself; null, the default, leaves that to people.',
  ),
);

export const SettingsBodySchema = v.strictObject({
  leader: v.optional(RegionSchema),
  followers: v.optional(
    v.pipe(
      v.array(RegionSchema, 'must be an array of regions'),
      v.maxLength(FOLLOWERS_MAX, `must have at most ${FOLLOWERS_MAX} regions`),
      v.description('A region that is named several times gets as many followers.'),
    ),
  ),
  partitions: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be a whole number'),
      v.minValue(1, 'must be 1 or more'),
    ),
  ),
  durability: v.optional(v.picklist(DURABILITIES, `must be one of ${DURABILITIES.join(', ')}`)),
  automatic_failover_seconds: v.optional(AutomaticFailoverSchema),
});

export type SettingsBody = v.InferOutput<typeof SettingsBodySchema>;

/** What can be changed of a database that is there. */
export const ChangeBodySchema = v.strictObject({ automatic_failover_seconds: AutomaticFailoverSchema });

const PARTITION_FORMS = 'must be a whole number from 0, or "all"';

export const FailoverBodySchema = v.strictObject({
  partition: v.optional(
    v.pipe(
      v.union(
        [v.literal('all'), v.pipe(v.number(), v.integer(PARTITION_FORMS), v.minValue(0, PARTITION_FORMS))],
        PARTITION_FORMS,
      ),
      v.description('0 where absent. A database has one partition, so that `all` is 0 as well.'),
    ),
  ),
  to: v.optional(
    v.pipe(
      RegionSchema,
      v.description(
        'The region of the replica that is to lead. Needed with `planned`; a forced failover promotes whoever is furthest, and hands over to this one then.',
      ),
    ),
  ),
  replica: v.optional(
    v.pipe(
      v.string('must be a string'),
      v.description('Which of several in the region, as the replication status names it.'),
    ),
  ),
  mode: v.pipe(
    v.picklist(['planned', 'forced'], 'must be planned or forced'),
    v.description(
      '`planned` needs the leader and loses nothing. `forced` goes without it, and may lose what only it had.',
    ),
  ),
  epoch: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be a whole number'),
      v.minValue(1, 'must be 1 or more'),
      v.description(
        'The epoch that is to end. A failover that is asked for again is refused then where it has come about already.',
      ),
    ),
  ),
  accept_loss: v.optional(
    v.pipe(
      v.boolean('must be true or false'),
      v.description(
        'With `forced`: go on although the leader answers, or although replicas are missing that may hold what was acknowledged.',
      ),
    ),
  ),
});

export const FollowerBodySchema = v.strictObject({
  region: RegionSchema,
  another: v.optional(
    v.pipe(
      v.boolean('must be true or false'),
      v.description('Whether the region is to have one more where it has a follower already.'),
    ),
  ),
});

/** @throws Refusal `invalid-request`, or `too-large` where there is more than a request may hold */
export function parseQueryBody(text: string): readonly Statement[] {
  const rounded = parseJson(text, undefined);
  boundCounts(rounded);
  const body = mayLosePrecision(text) ? parseJson(text, keepExact) : rounded;
  if (has(body, 'sql') === has(body, 'statements')) malformed('The body must have either sql or statements');
  if (has(body, 'sql')) return [toStatement(valid(StatementSchema, body), '')];
  const { statements } = valid(TransactionSchema, body);
  if (statements.length === 0) malformed('statements must have at least one statement in it');
  return statements.map((statement, i) => toStatement(statement, `statements.${i}.`));
}

/** An empty body leaves all settings to their defaults. @throws Refusal `invalid-request` */
export function parseSettingsBody(text: string): SettingsBody {
  if (text.trim() === '') return {};
  return valid(SettingsBodySchema, parseJson(text, undefined));
}

/** @throws Refusal `invalid-request` */
export function parseFollowerBody(text: string): FollowerWish {
  const { region, another = false } = valid(FollowerBodySchema, parseJson(text, undefined));
  return { region, another };
}

/** Milliseconds; null turns automatic failover off. @throws Refusal `invalid-request` */
export function parseChangeBody(text: string): number | null {
  const { automatic_failover_seconds } = valid(ChangeBodySchema, parseJson(text, undefined));
  return toMs(automatic_failover_seconds);
}

export function toMs(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1000);
}

/** @throws Refusal `invalid-request` */
export function parseFailoverBody(text: string): FailoverWish {
  const body = valid(FailoverBodySchema, parseJson(text, undefined));
  const { partition = 0, to = null, replica = null, mode, accept_loss = false } = body;
  const epoch = body.epoch === undefined ? null : toEpoch(body.epoch);
  if (mode === 'planned' && to === null)
    malformed('to is missing: a planned failover needs the region of the replica that is to lead');
  if (mode === 'planned' && accept_loss)
    malformed('accept_loss is of use only with mode forced: a planned failover loses nothing');
  if (replica !== null && to === null) malformed('to is missing: replica needs the region that it is in');
  if (replica !== null && replica !== to && !replica.startsWith(`${to}/`))
    malformed(`replica must be of the region in to, such as ${to} or ${to}/2`);
  return { partition: partition === 'all' ? 0 : partition, to, replica, mode, accept_loss, epoch };
}

function has<const K extends string>(body: unknown, key: K): body is Record<K, unknown> {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, key);
}

/** Counted before any value is looked at, so that a body of millions is refused in no time. */
function boundCounts(body: unknown): void {
  const statements = has(body, 'statements') && Array.isArray(body.statements) ? body.statements : [body];
  if (statements.length > STATEMENTS_MAX) tooMany('statements in one request', STATEMENTS_MAX);
  for (const statement of statements) {
    const isTooLong =
      has(statement, 'params') && Array.isArray(statement.params) && statement.params.length > PARAMS_MAX;
    if (isTooLong) tooMany('params in one statement', PARAMS_MAX);
  }
}

/**
 * JSON numbers lose two things on their way to a double: digits beyond 2^53, and whether 1.0 was written as
 * a REAL. Only a number written like that makes the slower reviver worth its time.
 */
const INEXACT_NUMBER = /[[,:\s]-?\d+(?:\d{15}|\.0+(?!\d)|(?:\.\d+)?[eE])/;

function mayLosePrecision(text: string): boolean {
  return INEXACT_NUMBER.test(text);
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Puts a number that a double would change into the form for which its writer could have asked. */
function keepExact(key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  // Under `real` its writer has asked already.
  if (typeof value !== 'number' || source === undefined || key === 'real') return value;
  if (/[.eE]/.test(source)) return Number.isInteger(value) ? { real: value } : value;
  return Number.isSafeInteger(value) ? value : { integer: source };
}

function parseJson(text: string, reviver: Reviver | undefined): unknown {
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    // The engine's own words quote the body; only where it stopped is of use.
    if (error instanceof RangeError) malformed('The body is nested too deeply');
    const at = /position (\d+)/.exec(String(error))?.[1];
    return malformed(`The body is not JSON${at === undefined ? '' : `: it goes wrong at character ${at}`}`);
  }
}

const NOT_AN_OBJECT = 'The body must be a JSON object with the fields that /openapi.json lists';

function valid<const T extends v.GenericSchema>(schema: T, body: unknown): v.InferOutput<T> {
  if (Array.isArray(body)) malformed(NOT_AN_OBJECT);
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  return malformed(complaint(result.issues[0]));
}

function complaint(issue: v.BaseIssue<unknown>): string {
  const where = v.getDotPath(issue);
  if (where === null) return NOT_AN_OBJECT;
  if (issue.expected === 'never') return `${where} is not a field of this request`;
  if (issue.received === 'undefined') return `${where} is missing`;
  return `${where} ${issue.expected === 'Object' ? 'must be a JSON object' : issue.message}`;
}

function toStatement({ sql, params = [] }: v.InferOutput<typeof StatementSchema>, where: string): Statement {
  return { sql, params: params.map((param, i) => toSqlParam(param, () => `${where}params.${i}`)) };
}

/** Half of a surrogate pair is not Unicode: SQLite would store another character in its place, and not say so. */
function toSqlParam(param: Param, where: () => string): SqlParam {
  if (param === null) return null;
  if (typeof param === 'string')
    return param.isWellFormed() ? param : malformed(`${where()} has half of a surrogate pair`);
  if (typeof param === 'boolean') return param ? 1n : 0n;
  if (typeof param === 'number') return Number.isInteger(param) ? BigInt(param) : param;
  if ('integer' in param) return toInteger(param.integer, where);
  if ('real' in param) return param.real;
  return toBytes(param.base64, where);
}

function toInteger(digits: string, where: () => string): bigint {
  const integer = BigInt(digits);
  if (integer < INT64_MIN || integer > INT64_MAX) malformed(`${where()} must be an integer of 64 bits`);
  return integer;
}

function toBytes(text: string, where: () => string): Uint8Array {
  try {
    return base64.decode(text);
  } catch {
    return malformed(`${where()}.base64 must be base64 with its padding (RFC 4648, section 4)`);
  }
}

function malformed(what: string): never {
  return refuse({ code: 'invalid-request', detail: `${what}.` });
}

function tooMany(what: string, limit: number): never {
  return refuse({
    code: 'too-large',
    detail: `There are more than ${limit} ${what}. Send fewer at a time.`,
    limit,
  });
}
