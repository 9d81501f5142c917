import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { present } from '../../../shared/assert.ts';
import { isRead } from '../../../shared/protocol/classify.ts';
import type { Statement } from '../../../shared/tables/values.ts';
import { Random } from '../random.ts';
import { rowsOf, Scratch } from './scratch.ts';
import type { Rows, Task } from './task.ts';
import { toStatement, UserRun, type UserWorkload } from './user.ts';

/** A user's module that cannot be run. Its message is for the user. */
export class WorkloadError extends Error {
  override readonly name = 'WorkloadError';
}

const SqlSchema = v.pipe(v.string('must be a string'), v.minLength(1, 'must not be empty'));
const NameSchema = v.pipe(v.string('must be a string'), v.minLength(1, 'must not be empty'));
const FunctionSchema = v.function('must be a function');
const ParamsSchema = v.optional(v.array(v.unknown(), 'must be an array'));
const StatementSchema = v.object({ sql: SqlSchema, params: ParamsSchema }, 'must be SQL or { sql, params }');

const ModuleSchema = v.object(
  {
    setup: v.array(
      v.union([SqlSchema, StatementSchema], 'must be SQL or { sql, params }'),
      'must be an array',
    ),
    operations: v.pipe(
      v.array(
        v.object(
          {
            name: NameSchema,
            weight: v.pipe(
              v.number('must be a whole number from 1 to 1000'),
              v.integer('must be a whole number from 1 to 1000'),
              v.minValue(1, 'must be a whole number from 1 to 1000'),
              v.maxValue(1_000, 'must be a whole number from 1 to 1000'),
            ),
            run: FunctionSchema,
            consistency: v.optional(
              v.picklist(['session', 'strong', 'eventual'], 'must be session, strong or eventual'),
            ),
            check: v.optional(FunctionSchema),
            next: v.optional(FunctionSchema),
          },
          'must be { name, weight, run }',
        ),
        'must be an array',
      ),
      v.minLength(1, 'must have at least one operation'),
    ),
    invariants: v.optional(
      v.array(
        v.object(
          { name: NameSchema, sql: SqlSchema, params: ParamsSchema, holds: FunctionSchema },
          'must be { name, sql, holds }',
        ),
        'must be an array',
      ),
    ),
  },
  'must be { setup, operations, invariants }',
);

/** Enough that each operation is drawn, whatever its weight, unless that is very small. */
const TRIES_OF_EACH = 50;

/** The workload that the module `file` exports as its default. @throws WorkloadError */
export async function loadWorkload(file: string): Promise<UserWorkload> {
  const path = resolve(file);
  if (!existsSync(path)) throw new WorkloadError(`${file} is not there`);
  const module = await imported(file, path);
  if (typeof module !== 'object' || module === null || !('default' in module))
    throw new WorkloadError(`${file} has no default export; write: export default defineWorkload({ … })`);
  const workload = shaped(file, module.default);
  tryOut(file, workload);
  return workload;
}

async function imported(file: string, path: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(path).href)) as unknown;
  } catch (error) {
    throw new WorkloadError(`${file} cannot be imported: ${messageOf(error)}`, { cause: error });
  }
}

function shaped(file: string, given: unknown): UserWorkload {
  const result = v.safeParse(ModuleSchema, given, { abortEarly: true });
  if (result.success) return given as UserWorkload;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? 'its default export';
  throw new WorkloadError(
    `${file}: ${where} ${issue.received === 'undefined' ? 'is missing' : issue.message}`,
  );
}

/** Setup and invariants on a replica of their own: what fails there fails in every seed, without SQLite's words. */
function tryOut(file: string, workload: UserWorkload): void {
  const scratch = new Scratch();
  try {
    if (workload.setup.length > 0) mustRun(scratch, `${file}: setup`, new UserRun(workload).setup);
    for (const { name, holds, ...query } of workload.invariants ?? []) {
      const what = `${file}: the invariant ${name}`;
      const statement = toStatement(query);
      const [rows = []] = mustRun(scratch, what, [statement]);
      if (!isRead([statement])) throw new WorkloadError(`${what} must be a SELECT`);
      const broken = holds(rows);
      if (broken !== null) throw new WorkloadError(`${what} does not hold after setup: ${broken}`);
    }
    tryOperations(scratch, file, workload);
  } finally {
    scratch.close();
  }
}

/** A mistake in an operation's SQL would fail in every seed, break no invariant, and look as if all were well. */
function tryOperations(scratch: Scratch, file: string, workload: UserWorkload): void {
  const run = new UserRun(workload);
  const random = new Random(1);
  let next: Task | null = null;
  for (let op = 1; op <= TRIES_OF_EACH * workload.operations.length; op += 1) {
    const task: Task = next ?? run.draw(random, op);
    const answer = scratch.run(task.statements);
    const rows = rowsOf(answer);
    next = rows === null ? null : (task.follow?.(rows, op + 1) ?? null);
    if (answer.kind !== 'failed' || answer.failure.code === 'constraint') continue;
    throw new WorkloadError(
      `${file}: the operation ${String(run.nameOf(op))} fails: ${answer.failure.detail}`,
    );
  }
}

function mustRun(scratch: Scratch, what: string, statements: readonly Statement[]): Rows {
  const answer = scratch.run(statements);
  if (answer.kind === 'failed') throw new WorkloadError(`${what} fails: ${answer.failure.detail}`);
  return present(rowsOf(answer), 'the rows of what a leader ran');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
