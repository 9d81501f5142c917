import { randomUUID } from 'node:crypto';
import { BatchBuilder, bodyOf, requestIdOf } from './batch.ts';
import { type Item, type Source, textOf } from './item.ts';
import { inRanges, type Journal, type Progress, type Range, rangesOf } from './journal.ts';
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

/** Deferred items are held in memory. */
const DEFERRED_ITEMS_MAX = 500_000;
const SHOWN_CHARS = 200;

/**
 * Sends a file's items in batches, in order. What is refused for a foreign key waits for the rows that it
 * refers to and is tried again, pass after pass, until a pass helps nothing.
 */
export class Importer {
  readonly #run: Run;
  #state: Progress;
  #deferred: Item[] = [];
  #rows = 0;
  #replayed = 0;
  #batches = 0;
  /** The leader's LSN when this run began: a write with no greater one was applied by an earlier run. */
  #begunAt = 0;

  constructor(run: Run) {
    this.#run = run;
    const { target, source } = run;
    this.#state = {
      format: 1,
      url: target.url,
      database: target.database,
      sha256: source.sha256,
      salt: '',
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
    if (this.#deferred.length > 0) throw this.#dangling();
    this.#run.journal.remove();
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
    progress.say(`Going on after ${number(found.done)} items, as ${journal.path} says.`);
  }

  async #sendAll(): Promise<void> {
    const batch = new BatchBuilder();
    const { done, deferred } = this.#state;
    for await (const item of this.#run.source.items()) {
      if (item.ordinal < done) {
        if (inRanges(deferred, item.ordinal)) this.#deferred.push(item);
        continue;
      }
      if (item.kind === 'trigger' && this.#deferred.length + batch.items.length > 0) {
        // A trigger must not fire for rows that the file has before it.
        await this.#sendBatch(batch.take());
        await this.#retryDeferred();
      }
      if (batch.add(item)) await this.#sendBatch(batch.take());
    }
    await this.#sendBatch(batch.take());
  }

  async #sendBatch(items: readonly Item[]): Promise<void> {
    const last = items.at(-1);
    if (last === undefined) return;
    await this.#apply(items, 0, this.#deferred).catch((error: unknown) => {
      // The next run's batches begin at the item at fault, so that none of those before it is sent again.
      if (error instanceof ItemStopped)
        this.#save({ done: error.item.ordinal, deferred: ranges(this.#deferred) });
      throw error;
    });
    if (this.#deferred.length > DEFERRED_ITEMS_MAX) throw this.#dangling();
    this.#save({ done: last.ordinal + 1, deferred: ranges(this.#deferred) });
    this.#run.progress.show({ read: last.read, bytes: this.#run.source.bytes, rows: this.#rows });
  }

  async #retryDeferred(): Promise<void> {
    let helped = true;
    while (this.#deferred.length > 0 && helped) {
      const waiting = this.#deferred;
      const still: Item[] = [];
      await this.#tryAgain(waiting, still).catch((error: unknown) => {
        if (error instanceof ItemStopped)
          this.#endPass([...still, ...waiting.slice(waiting.indexOf(error.item))]);
        throw error;
      });
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
    this.#save({ pass: this.#state.pass + 1, deferred: ranges(still) });
  }

  /** All items, or their halves, down to the one that is at fault. */
  async #apply(items: readonly Item[], pass: number, deferred: Item[]): Promise<void> {
    const first = items[0];
    if (first === undefined) return;
    const body = bodyOf(items);
    const answer = await this.#run.server.query(body, requestIdOf(this.#state, pass, items, body));
    if (answer.kind === 'done') {
      this.#count(items, answer.lsn);
      return;
    }
    if (items.length > 1) {
      const middle = Math.ceil(items.length / 2);
      await this.#apply(items.slice(0, middle), pass, deferred);
      await this.#apply(items.slice(middle), pass, deferred);
      return;
    }
    const waits = answer.code === 'constraint' && /foreign key/i.test(answer.detail);
    if (!waits)
      throw new ItemStopped(
        first,
        `${first.where}: ${answer.code}: ${answer.detail}\n  ${textOf(first.sql).slice(0, SHOWN_CHARS)}\nWhat stands before it in the file is applied. Mend the cause and run the same command again to go on from there; after a change to the file, remove the database and give --restart.`,
      );
    deferred.push(first);
  }

  #count(items: readonly Item[], lsn: number): void {
    const rows = items.filter((item) => item.kind === 'row').length;
    this.#batches++;
    this.#rows += rows;
    if (rows > 0 && lsn <= this.#begunAt) this.#replayed++;
    this.#state = { ...this.#state, lsn: Math.max(this.#state.lsn, lsn) };
  }

  #save(change: Partial<Progress>): void {
    this.#state = { ...this.#state, ...change };
    this.#run.journal.write(this.#state);
  }

  #dangling(): Stopped {
    const shown = this.#deferred
      .slice(0, 5)
      .map((item) => `  ${item.where}: ${textOf(item.sql).slice(0, SHOWN_CHARS)}`);
    return new Stopped(
      `${number(this.#deferred.length)} statements refer to rows that are not there (FOREIGN KEY constraint failed), also after everything else was applied:\n${shown.join('\n')}\nEither the file lacks those rows, or rows refer to each other across more than one batch. Everything else is applied.`,
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

function ranges(items: readonly Item[]): Range[] {
  return rangesOf(items.map((item) => item.ordinal));
}
