/** Numbers that look random and are the same for the same seed on every machine (sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9;
    // The first numbers still show the seed.
    for (let i = 0; i < 15; i += 1) this.bits();
  }

  /** 32 bits, as a whole number from 0. */
  bits(): number {
    const result = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** From 0 up to 1, without 1. */
  fraction(): number {
    return this.bits() / 2 ** 32;
  }

  /** A whole number from 0 up to `limit`, without `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True this often: 0 never, 1 always. */
  chance(rate: number): boolean {
    return this.fraction() < rate;
  }

  /** A time to wait, in whole milliseconds, where events come once in `mean` ms on average. */
  interval(mean: number): number {
    return Math.ceil(-Math.log(1 - this.fraction()) * mean);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A signed 64-bit integer. */
  int64(): bigint {
    return BigInt.asIntN(64, (BigInt(this.bits()) << 32n) | BigInt(this.bits()));
  }

  /** A source of its own, so that more draws here change nothing there. */
  fork(): Random {
    return new Random(this.bits() + this.bits() * 2 ** 20);
  }
}
