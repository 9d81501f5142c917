import { randomUUID } from 'node:crypto';
import { BatchBuilder, bodyOf, requestIdOf } from './batch.ts';
import { type Item, type Source, textOf } from './item.ts';
import { Keys } from './keys.ts';
import { inRanges, type Journal, type Progress, type Range, rangesOf } from './journal.ts';
import { headingOf } from './statements.ts';
import { number, type ProgressBar } from './progress.ts';
import type { Server, Target } from './server.ts';
import { Stopped } from './stopped.ts';

export interface Run {
  readonly source: Source;
  readonly server: Server;
  readonly target: Target;
  readonly journal: Journal;
  readonly progress: ProgressBar;
  readonly restart: boolean;
}

/** The item that cannot be applied; what stands before it is. */
class ItemStopped extends Stopped {
  readonly item: Item;

  constructor(item: Item, message: string) {
    super(message);
    this.item = item;
  }
}

const GIVE_KEYS =
  'SQLite picks the key of this row by the rows that are there, so it would get another one. Give the keys in the file (of the INTEGER PRIMARY KEY, or rowid), or put the rows that are referred to first';

function stoppedAt(item: Item, why: string, todo: string): ItemStopped {
  return new ItemStopped(
    item,
    `${item.where}: ${why}\n  ${textOf(item.sql).slice(0, SHOWN_CHARS)}\n${todo}. What stands before it in the file is applied. Run the same command again to go on from there; after a change to the file, remove the database and give --restart.`,
  );
}

/** Deferred items are held in memory. */
const DEFERRED_ITEMS_MAX = 500_000;
const SHOWN_CHARS = 200;
/** Also AUTOINCREMENT's memory, which every row that is applied after it may change. */
const SEQUENCE = /^(?:INSERT|REPLACE|DELETE|UPDATE)\b[^'(]*\bsqlite_sequence\b/i;

/**
 * Sends a file's items in batches, in order. What is refused for a foreign key waits for the rows that it
 * refers to and is tried again, pass after pass, until a pass helps nothing.
 */
export class Importer {
  readonly #run: Run;
  #state: Progress;
  readonly #keys = new Keys();
  #deferred: Item[] = [];
  /** Tables that deferred rows belong to. */
  #waiting = new Set<string>();
  /** Where an earlier run stopped. */
  #stoppedAt = 0;
  #rows = 0;
  #replayed = 0;
  #batches = 0;
  /** The leader's LSN when this run began: a write with no greater one was applied by an earlier run. */
  #begunAt = 0;

  constructor(run: Run) {
    this.#run = run;
    const { target, source } = run;
    this.#state = {
      format: 2,
      url: target.url,
      database: target.database,
      sha256: source.sha256,
      salt: '',
      begun: 0,
      done: 0,
      deferred: [],
      pass: 1,
      lsn: 0,
    };
  }

  async run(): Promise<void> {
    this.#begunAt = await this.#run.server.head();
    this.#resume();
    this.#run.journal.write(this.#state);
    await this.#sendAll();
    await this.#retryDeferred();
    if (this.#deferred.length > 0) throw this.#dangling('Everything else');
    this.#run.journal.remove();
    this.#keys.close();
    this.#report();
  }

  #resume(): void {
    const { journal, restart, progress } = this.#run;
    if (restart) {
      this.#state = { ...this.#state, salt: randomUUID() };
      return;
    }
    const found = journal.read();
    if (found === null) return;
    const same =
      found.sha256 === this.#state.sha256 &&
      found.database === this.#state.database &&
      found.url === this.#state.url;
    if (!same)
      throw new Stopped(
        `${journal.path} is the journal of another import (${found.database} at ${found.url}, or an earlier state of the file). Give --restart to begin again, or remove it.`,
      );
    if (found.lsn > this.#begunAt)
      throw new Stopped(
        `The database ${found.database} is not the one that this import began with: it has fewer entries. Give --restart to import the file from its beginning.`,
      );
    this.#state = found;
    this.#stoppedAt = found.done;
    progress.say(`Going on after ${number(found.done)} items, as ${journal.path} says.`);
  }

  async #sendAll(): Promise<void> {
    const batch = new BatchBuilder();
    const { begun, done, deferred } = this.#state;
    for await (const item of this.#run.source.items()) {
      this.#keys.watch(item);
      if (item.ordinal < done && inRanges(deferred, item.ordinal)) this.#defer(item, this.#deferred);
      if (item.ordinal < begun) continue;
      if (isAfterRows(item) && (batch.items.length === 0 || !batch.items.every(isAfterRows))) {
        await this.#sendBatch(batch.take());
        await this.#retryDeferred();
      }
      if (item.kind === 'trigger') this.#mayWatch(item);
      if (batch.add(item)) await this.#sendBatch(batch.take());
    }
    await this.#sendBatch(batch.take());
  }

  async #sendBatch(items: readonly Item[]): Promise<void> {
    const last = items.at(-1);
    if (last === undefined) return;
    await this.#apply(items, 0, this.#deferred).catch((error: unknown) => {
      // The next run goes on with the item at fault, and sends none of those before it again.
      if (error instanceof ItemStopped)
        this.#save({
          begun: items[0]?.ordinal ?? 0,
          done: error.item.ordinal,
          deferred: ranges(this.#deferred),
        });
      throw error;
    });
    if (this.#deferred.length > DEFERRED_ITEMS_MAX) throw this.#dangling('Everything else');
    this.#save({ begun: last.ordinal + 1, done: last.ordinal + 1, deferred: ranges(this.#deferred) });
    this.#run.progress.show({ read: last.read, bytes: this.#run.source.bytes, rows: this.#rows });
  }

  async #retryDeferred(): Promise<void> {
    let helped = true;
    while (this.#deferred.length > 0 && helped) {
      const waiting = this.#deferred;
      const still: Item[] = [];
      await this.#tryAgain(waiting, still);
      helped = still.length < waiting.length;
      this.#endPass(still);
    }
  }

  async #tryAgain(waiting: readonly Item[], still: Item[]): Promise<void> {
    const batch = new BatchBuilder();
    for (const item of waiting) if (batch.add(item)) await this.#apply(batch.take(), this.#state.pass, still);
    await this.#apply(batch.take(), this.#state.pass, still);
  }

  /** The journal moves only between passes: the batches of a pass that broke off must form again as they were. */
  #endPass(still: Item[]): void {
    this.#deferred = still;
    this.#waiting = new Set(still.map((item) => this.#keys.tableOf(item) ?? ''));
    this.#save({ pass: this.#state.pass + 1, deferred: ranges(still) });
  }

  /** All items, or their halves, down to the one that is at fault. */
  async #apply(items: readonly Item[], pass: number, deferred: Item[]): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    const known = pass === 0 ? this.#stoppedAt : 0;
    if (items.every((item) => item.ordinal < known)) return;
    if (first.ordinal < known || items.some((item) => this.#overtakes(item))) {
      if (items.length === 1)
        throw stoppedAt(first, 'a row of its table before it waits for rows that it refers to', GIVE_KEYS);
      return this.#applyHalves(items, pass, deferred);
    }
    const body = bodyOf(items);
    const id = requestIdOf(this.#state, pass, items, body);
    const answer = await this.#run.server.query(body, id);
    if (answer.kind === 'done') return this.#count(items, answer.lsn);
    // An earlier run was refused here, and used the id up.
    const closed = answer.code === 'idempotency-conflict';
    if (items.length > 1) {
      if (!closed) await this.#close(id);
      return this.#applyHalves(items, pass, deferred);
    }
    const waits = closed || (answer.code === 'constraint' && /foreign key/i.test(answer.detail));
    if (!waits) throw stoppedAt(first, `${answer.code}: ${answer.detail}`, 'Mend the cause');
    if (!this.#keys.isGiven(first))
      throw stoppedAt(
        first,
        'it refers to rows that the file has later, so it would have to wait',
        GIVE_KEYS,
      );
    if (!closed) await this.#close(id);
    this.#defer(first, deferred);
  }

  async #applyHalves(items: readonly Item[], pass: number, deferred: Item[]): Promise<void> {
    const middle = Math.ceil(items.length / 2);
    await this.#apply(items.slice(0, middle), pass, deferred);
    await this.#apply(items.slice(middle), pass, deferred);
  }

  #defer(item: Item, deferred: Item[]): void {
    deferred.push(item);
    this.#waiting.add(this.#keys.tableOf(item) ?? '');
  }

  /** True where SQLite would pick the row's key, and a row that it would count is still to come. */
  #overtakes(item: Item): boolean {
    if (this.#waiting.size === 0) return false;
    const table = this.#keys.tableOf(item);
    return table !== null && this.#waiting.has(table) && !this.#keys.isGiven(item);
  }

  /** A trigger that exists when a row is tried again fires for it, although the file has the row before the trigger. */
  #mayWatch(item: Item): void {
    const heading = headingOf(textOf(item.sql));
    if (heading.kind === 'create-trigger' && this.#waiting.has(heading.table))
      throw this.#dangling(
        `${item.where} makes a trigger that must not fire for them. What stands before it`,
      );
  }

  /**
   * What was refused once stays refused: it is applied in parts, or in a later pass, under ids of their own. Were its
   * id still free, the same import run again could apply it whole, for what it lacked is there by then. So the id
   * goes to a write that changes nothing: no table is named like it.
   */
  async #close(id: string): Promise<void> {
    await this.#run.server.query(JSON.stringify({ sql: `DROP TABLE IF EXISTS "${id}"` }), id);
  }

  #count(items: readonly Item[], lsn: number): void {
    const rows = items.filter((item) => item.kind === 'row').length;
    if (rows > 0) this.#batches++;
    this.#rows += rows;
    if (rows > 0 && lsn <= this.#begunAt) this.#replayed++;
    this.#state = { ...this.#state, lsn: Math.max(this.#state.lsn, lsn) };
  }

  #save(change: Partial<Progress>): void {
    this.#state = { ...this.#state, ...change };
    this.#run.journal.write(this.#state);
  }

  #dangling(applied: string): Stopped {
    const shown = this.#deferred
      .slice(0, 5)
      .map((item) => `  ${item.where}: ${textOf(item.sql).slice(0, SHOWN_CHARS)}`);
    return new Stopped(
      `${number(this.#deferred.length)} statements refer to rows that are not there (FOREIGN KEY constraint failed), also when they were tried again:\n${shown.join('\n')}\nEither the file lacks those rows, or rows refer to each other across more than one batch. ${applied} is applied.`,
    );
  }

  #report(): void {
    const { progress, source, target } = this.#run;
    const seconds = progress.seconds;
    progress.say(
      `Imported ${number(this.#rows)} rows into ${target.database} in ${seconds.toFixed(1)} s (${number(Math.round(this.#rows / Math.max(seconds, 0.001)))} rows/s).`,
    );
    for (const note of source.notes()) progress.say(`  ${note}`);
    if (this.#replayed === 0) return;
    const all =
      this.#replayed === this.#batches
        ? 'The file had been imported before; nothing was added. Give --restart to run its statements once more.'
        : '';
    progress.say(
      `  ${this.#replayed} of ${this.#batches} batches had been applied by an earlier run and were not applied again. ${all}`.trimEnd(),
    );
  }
}

/** True for what has to come after the rows that the file has before it, deferred ones too: a trigger would fire for them. */
function isAfterRows(item: Item): boolean {
  return item.kind === 'trigger' || SEQUENCE.test('text' in item.sql ? item.sql.text : item.sql.head);
}

function ranges(items: readonly Item[]): Range[] {
  return rangesOf(items.map((item) => item.ordinal));
}
