import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import {
  cutOff,
  type History,
  HISTORY_MAX,
  NOWHERE,
  positionAt,
  withEpoch,
} from '../../shared/log/history.ts';
import { EPOCH_FIRST, LSN_ZERO, toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);

const NOTHING: Position = { epoch: EPOCH_FIRST, lsn: LSN_ZERO };

/** A failover: what the leader before had written, and how much of the end of the log is lost. */
interface Failover {
  readonly written: number;
  readonly lost: number;
}

const failover = fc.record({
  written: fc.nat(4),
  lost: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(30) }),
});

/** Every log that there ever was, as a list of positions, and what the directory wrote down. */
class Chains {
  chain: readonly Position[] = [NOTHING];
  history: History = [];
  readonly past: (readonly Position[])[] = [];
  #epoch = EPOCH_FIRST;

  write(count: number): void {
    for (let i = 0; i < count; i += 1)
      this.chain = [...this.chain, { epoch: this.#epoch, lsn: toLsn(this.chain.length) }];
  }

  failOver({ written, lost }: Failover): void {
    this.write(written);
    this.past.push(this.chain);
    const heard = toLsn(this.chain.length - 1);
    this.chain = this.chain.slice(0, Math.max(1, this.chain.length - lost));
    const end = this.chain.at(-1) ?? NOTHING;
    this.#epoch = toEpoch(this.#epoch + 1);
    this.history = withEpoch(this.history, {
      epoch: this.#epoch,
      after: { ...end, hash: HASH_OF_NOTHING },
      mode: 'forced',
      at: 0,
      heard,
    });
  }

  /** The last position that a log of then shares with that of now. */
  shared(log: readonly Position[]): Position {
    const differs = log.findIndex(
      ({ epoch, lsn }, i) => this.chain[i]?.epoch !== epoch || this.chain[i].lsn !== lsn,
    );
    return (differs === -1 ? log.at(-1) : log[differs - 1]) ?? NOTHING;
  }
}

function played(failovers: readonly Failover[], last: number): Chains {
  const chains = new Chains();
  for (const each of failovers) chains.failOver(each);
  chains.write(last);
  return chains;
}

describe('the history of epochs', () => {
  it('[HI1] tells exactly the positions that are not in the log any more, and the last one that stayed', () => {
    fc.assert(
      fc.property(fc.array(failover, { maxLength: 12, size: 'max' }), fc.nat(5), (failovers, last) => {
        const { chain, history, past, shared } = bound(played(failovers, last));
        for (const position of chain) expect(cutOff(history, position)).toBe(null);
        for (const log of past)
          for (let i = 0; i < log.length; i += 1) {
            const position = log[i] ?? NOTHING;
            const stayed = shared(log.slice(0, i + 1));
            const cut = cutOff(history, position);
            if (stayed.lsn === position.lsn) expect(cut).toBe(null);
            else expect(cut?.after).toStrictEqual(stayed);
          }
      }),
      { seed, numRuns: 300 },
    );
  });

  it('[HI2] knows nothing against a position of an epoch that it has not heard of', () => {
    const { history } = played([{ written: 5, lost: 3 }], 0);
    expect(cutOff(history, { epoch: toEpoch(3), lsn: toLsn(9) })).toBe(null);
    expect(cutOff(history, { epoch: toEpoch(2), lsn: toLsn(9) })).toBe(null);
    expect(cutOff(history, { epoch: EPOCH_FIRST, lsn: toLsn(3) })?.after.lsn).toBe(2);
  });

  it('[HI3] is bounded: of what is very old it may say too much that is lost, never too little, and nothing of where the log goes on', () => {
    const many = fc.array(failover, { minLength: HISTORY_MAX, maxLength: HISTORY_MAX + 40, size: 'max' });
    fc.assert(
      fc.property(many, fc.nat(5), (failovers, last) => {
        const { chain, history, past, shared } = bound(played(failovers, last));
        expect(history.length).toBe(Math.min(failovers.length, HISTORY_MAX));
        const isOld = ({ epoch }: Position) => epoch < (history[0]?.epoch ?? 0);
        for (const position of chain) if (!isOld(position)) expect(cutOff(history, position)).toBe(null);
        expect(cutOff(history, chain.at(-1) ?? NOTHING)).toBe(null);
        for (const log of past) {
          const position = log.at(-1) ?? NOTHING;
          const stayed = shared(log);
          const after = cutOff(history, position)?.after ?? position;
          expect(after.lsn).toBeLessThanOrEqual(stayed.lsn);
          if (!isOld(position)) expect(after).toStrictEqual(stayed);
          expect(chain[after.lsn]).toStrictEqual(after);
        }
      }),
      { seed, numRuns: 20 },
    );
  });

  it('[HI3] lets go first of what a later failover tells as well', () => {
    const { chain, history } = played(
      [{ written: 50, lost: 5 }, ...Array.from({ length: 3 * HISTORY_MAX }, () => ({ written: 0, lost: 0 }))],
      0,
    );
    expect(history).toHaveLength(HISTORY_MAX);
    expect(cutOff(history, { epoch: EPOCH_FIRST, lsn: toLsn(48) })?.after.lsn).toBe(45);
    expect(cutOff(history, chain.at(-1) ?? NOTHING)).toBe(null);
  });

  it('[HI4] tells the epoch of each entry, or of one so old that it is not known that nobody can say', () => {
    const many = fc.array(failover, { maxLength: HISTORY_MAX + 40, size: 'max' });
    fc.assert(
      fc.property(many, fc.nat(5), (failovers, last) => {
        const { chain, history } = played(failovers, last);
        for (const position of chain) {
          const told = positionAt(history, position.lsn);
          if (told !== NOWHERE) expect(told).toStrictEqual(position);
          if (failovers.length < HISTORY_MAX) expect(told).toStrictEqual(position);
        }
      }),
      { seed, numRuns: 50 },
    );
  });
});

function bound(chains: Chains) {
  const { chain, history, past } = chains;
  return { chain, history, past, shared: (log: readonly Position[]) => chains.shared(log) };
}
