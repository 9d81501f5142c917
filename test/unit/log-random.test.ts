import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import { type ChainEnd, hashOf } from '../../shared/log/entry.ts';
import type { ReadBound } from '../../shared/log/log.ts';
import { Outgoing } from '../../shared/log/outgoing.ts';
import { toLsn } from '../../shared/lsn.ts';
import { bytes, LogModel, within } from './log-model.ts';
import { entryAfter, LogReplica, texts } from './log-replica.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 150);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);

const LIMITS: LogLimits = {
  ...LOG_LIMITS,
  hashedEntriesEvery: 7,
  hashedCharsEvery: 900,
  segmentPartChars: 150,
  batchEntriesMax: 5,
  batchCharsMax: 1500,
  recentCharsMax: 1200,
};

interface NewEntry {
  readonly changes: number;
  readonly hasRequest: boolean;
  readonly hasUser: boolean;
  readonly text: string;
}

/** Places are drawn as fractions of what there is when the step comes. */
type Step =
  | { readonly do: 'grow'; readonly entries: readonly NewEntry[] }
  | { readonly do: 'change role' | 'reload' }
  | { readonly do: 'begin after a snapshot'; readonly isRolledBack: boolean }
  | { readonly do: 'cut'; readonly at: number; readonly rowsMax: number; readonly isRolledBack: boolean }
  | { readonly do: 'truncate'; readonly at: number; readonly isRolledBack: boolean }
  | { readonly do: 'read'; readonly at: number; readonly bound: ReadBound };

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const bytesMax = fc.oneof({ weight: 9, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(700) });
const isRolledBack = fc.nat(3).map((n) => n === 0);
const newEntry = fc.record({
  changes: fc.oneof(
    { weight: 5, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: 12 }) },
  ),
  hasRequest: fc.nat(9).map((n) => n === 0),
  hasUser: fc.nat(9).map((n) => n === 0),
  text: fc.tuple(fc.constantFrom('x', 'é', '☃', '🌊'), bytesMax).map(([char, count]) => char.repeat(count)),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('grow'),
        entries: fc.array(newEntry, { minLength: 1, maxLength: 9 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('change role') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('reload') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('begin after a snapshot'), isRolledBack }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('cut'),
        at: fraction,
        rowsMax: fc.integer({ min: 1, max: 30 }),
        isRolledBack,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('truncate'), at: fraction, isRolledBack }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('read'),
        at: fraction,
        bound: fc.record({ entries: fc.integer({ min: 0, max: 20 }), chars: fc.nat(3000) }),
      }),
    },
  ),
  { maxLength: 40, size: 'max' },
);

class Run {
  readonly #replica = new LogReplica(LIMITS);
  readonly #model = new LogModel(LIMITS);
  #outgoing = new Outgoing(this.#replica.log, LIMITS);
  #time = 1000;

  step(step: Step): void {
    switch (step.do) {
      case 'grow':
        if (this.#model.isLeading) this.#write(step.entries);
        else this.#receive(step.entries);
        break;
      case 'change role':
        this.#model.changeRole();
        if (this.#model.isLeading) this.#replica.log.beginLeading();
        break;
      case 'reload':
        this.#reload();
        break;
      case 'begin after a snapshot':
        this.#beginAfter(step);
        break;
      case 'cut':
        this.#cut(step);
        break;
      case 'truncate':
        this.#truncate(step);
        break;
      case 'read':
        this.#read(this.#lsnAt(step.at), step.bound);
    }
    this.#look();
  }

  close(): void {
    this.#replica.sql.close();
  }

  #lsnAt(at: number): number {
    const { base, end } = this.#model;
    return Math.round(base.lsn + at * (end.lsn - base.lsn));
  }

  #reload(): void {
    this.#replica.reload();
    this.#outgoing = new Outgoing(this.#replica.log, LIMITS);
  }

  #lines({ changes, text }: NewEntry): string[] {
    return Array.from({ length: changes }, (_, i) => `"t"\t\t[${i},"${text}"]`);
  }

  #write(entries: readonly NewEntry[]): void {
    for (const entry of entries) {
      const { changes, hasRequest, hasUser } = entry;
      const user = hasUser ? `\ud800 ${this.#time}` : null;
      const request = hasRequest ? { id: `é ${this.#time}`, fingerprint: 'f', answer: '{}' } : null;
      const stored = this.#replica.write(
        this.#lines(entry),
        (this.#time += 1),
        { request, user },
        this.#model.epoch,
      );
      this.#model.wrote(stored, changes, { request, user });
      this.#outgoing.push(stored);
    }
  }

  #receive(entries: readonly NewEntry[]): void {
    let end = this.#model.end;
    const received = entries.map((entry) => {
      const next = entryAfter(end, {
        epoch: this.#model.epoch,
        time: (this.#time += 1),
        changes: this.#lines(entry),
      });
      ({ end } = next);
      return next;
    });
    const knownAt = 7 * this.#time;
    this.#replica.log.append(received, knownAt);
    this.#model.received(received, knownAt);
    for (const entry of received) this.#outgoing.push(entry);
  }

  #beginAfter({ isRolledBack }: Extract<Step, { do: 'begin after a snapshot' }>): void {
    const end = {
      epoch: this.#model.epoch,
      lsn: toLsn(this.#model.end.lsn + (this.#time % 3)),
      hash: hashOf(`${this.#time}`),
    };
    const knownAt = this.#time % 2 === 0 ? null : 7 * this.#time;
    if (isRolledBack) return this.#rollBack(() => this.#replica.log.beginAfter(end, knownAt));
    this.#replica.log.beginAfter(end, knownAt);
    this.#model.beginAfter(end, knownAt);
  }

  #cut({ at, rowsMax, isRolledBack }: Extract<Step, { do: 'cut' }>): void {
    const upTo = this.#lsnAt(at);
    if (isRolledBack) return this.#rollBack(() => this.#replica.log.cut(toLsn(upTo), rowsMax));
    const { rows } = this.#replica;
    const result = this.#replica.log.cut(toLsn(upTo), rowsMax);
    const removed = rows - this.#replica.rows;
    this.#model.start = this.#model.placeAtOrBefore(Math.max(upTo, this.#model.start));
    expect(removed).toBeLessThanOrEqual(rowsMax);
    if (result === 'more') expect(removed).toBeGreaterThan(0);
    else this.#nothingRemains();
  }

  #truncate({ at, isRolledBack }: Extract<Step, { do: 'truncate' }>): void {
    const lsn = Math.max(this.#lsnAt(at), this.#model.start);
    const to = this.#endAt(lsn);
    const other = { ...to, hash: hashOf(`other ${this.#time}`) };
    const { content } = this.#replica;
    expect(this.#replica.log.truncate(other)).toBe(false);
    expect(this.#replica.log.truncate({ ...other, lsn: toLsn(this.#model.end.lsn + 1) })).toBe(false);
    if (this.#model.start > this.#model.base.lsn)
      expect(this.#replica.log.truncate(this.#endAt(this.#model.start - 1))).toBe(false);
    expect(this.#replica.content).toStrictEqual(content);
    if (isRolledBack) return this.#rollBack(() => this.#replica.log.truncate(to));
    expect(this.#replica.log.truncate(to)).toBe(true);
    this.#model.truncate(lsn);
    this.#outgoing = new Outgoing(this.#replica.log, LIMITS);
  }

  #endAt(lsn: number): ChainEnd {
    const { base, entries } = this.#model;
    return entries[lsn - base.lsn - 1]?.end ?? base;
  }

  #rollBack(work: () => void): void {
    const { content } = this.#replica;
    this.#replica.rollBack(work);
    this.#reload();
    expect(this.#replica.content).toStrictEqual(content);
  }

  #nothingRemains(): void {
    const { start, hasWritten } = this.#model;
    const held = this.#model.after(start).reduce((sum, entry) => sum + entry.changesHere, 0);
    expect(this.#replica.count('changes')).toBe(Math.max(held, hasWritten ? 1 : 0));
    expect(this.#replica.count('changes', "line <> ''")).toBe(held);
    expect(this.#replica.count('entries', `lsn < ${start}`)).toBe(0);
    expect(this.#replica.count('entries', `lsn <= ${start} AND request IS NOT NULL`)).toBe(0);
    expect(this.#replica.count('segments', `last_lsn <= ${start}`)).toBe(0);
    expect(this.#replica.count('segment_parts', `last_lsn <= ${start}`)).toBe(0);
  }

  #read(after: number, bound: ReadBound): void {
    const isHeld = after >= this.#model.start;
    const { log } = this.#replica;
    const expected = isHeld ? within(this.#model.after(after), bound) : null;
    expect(texts(log.readAfter(toLsn(after), bound))).toStrictEqual(texts(expected));
    const batch = { entries: LIMITS.batchEntriesMax, chars: LIMITS.batchCharsMax };
    const sent = isHeld ? within(this.#model.after(after), batch) : null;
    expect(this.#outgoing.after(toLsn(after))).toStrictEqual(
      sent?.map(({ end, text, time }) => expect.objectContaining({ end, text, time })) ?? null,
    );
    const exact =
      after >= this.#model.end.lsn ? after : this.#model.placeAtOrBefore(Math.max(after, this.#model.start));
    expect(log.bytesAfter(toLsn(after))).toBe(bytes(this.#model.after(exact)));
    const at =
      after === this.#model.base.lsn
        ? this.#model.base
        : this.#model.entries[after - this.#model.base.lsn - 1]?.end;
    expect(at !== undefined && log.follows(at)).toBe(isHeld);
  }

  /** What is cheap to compare after each step. */
  #look(): void {
    const { log } = this.#replica;
    const held = this.#model.after(this.#model.start);
    const { start, base, entries } = this.#model;
    expect(log.start).toStrictEqual(start === base.lsn ? base : entries[start - base.lsn - 1]?.end);
    expect(log.end).toStrictEqual(this.#model.end);
    expect(log.bytes).toBe(bytes(held));
    expect(log.oldestTime()).toBe(held[0]?.time ?? null);
    expect(log.knownAt).toBe(this.#model.knownAt);
  }

  /** Every reading from every place. */
  finish(): void {
    for (let pass = 0; pass < 2; pass += 1) {
      const { base, end } = this.#model;
      for (let after = base.lsn as number; after <= end.lsn; after += 1)
        this.#read(after, { entries: Infinity, chars: Infinity });
      while (this.#replica.log.cut(toLsn(this.#model.start), 5) === 'more');
      this.#nothingRemains();
      this.#reload();
      this.#look();
    }
  }
}

describe(`random logs: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npx vitest run test/unit/log-random.test.ts`, () => {
  it(
    '[LG23] whatever was written, received, cut, truncated and loaded again, every reading is what the model says',
    () => {
      fc.assert(
        fc.property(steps, (sequence) => {
          const run = new Run();
          try {
            for (const step of sequence) run.step(step);
            run.finish();
          } finally {
            run.close();
          }
        }),
        { numRuns: runs, seed },
      );
    },
    Math.max(60_000, runs * 1000),
  );
});
