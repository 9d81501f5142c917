import { describe, expect, it } from 'vitest';
import { Refusal } from '../../shared/failure.ts';
import { TOKEN_CHARS_MAX, TOKEN_PARTITIONS_MAX } from '../../shared/limits.ts';
import {
  mergeSeen,
  moveForward,
  NOTHING_SEEN,
  type Seen,
  sessionIdIn,
  TokenKeys,
  toSessionId,
} from '../../shared/session/token.ts';
import { at } from './router-fakes.ts';

const OLD = { id: 'old', secret: 'an old secret of some length' };
const NEW = { id: 'new', secret: 'a new secret of some length' };
const SHOP = { database: 'shop', incarnation: 'one' };

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return `${error.failure.code}: ${error.failure.detail}`;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('token', () => {
  const keys = new TokenKeys([NEW, OLD]);
  const seen: Seen = new Map([
    [0, at(42)],
    [3, at(7, 2)],
  ]);

  it('[TK1] gives back what was put in, also when nothing was', () => {
    expect(keys.verify(keys.sign(SHOP, seen), SHOP)).toEqual(seen);
    expect(keys.verify(keys.sign(SHOP, NOTHING_SEEN), SHOP)).toEqual(NOTHING_SEEN);
  });

  it('[TK1] has a form that fits a header, a URL and a cookie', () => {
    expect(keys.sign(SHOP, seen)).toMatch(/^t1\.new\.0-1-42_3-2-7\.[\w-]{22}$/);
  });

  it("[TK12] carries the session's id beside the positions, and need not have one", () => {
    const id = toSessionId('0a1b2c3d-4e5f');
    const token = keys.sign(SHOP, seen, id);
    expect(token).toMatch(/^t1\.new\.0-1-42_3-2-7~0a1b2c3d\.[\w-]{22}$/);
    expect([keys.verify(token, SHOP), sessionIdIn(token), keys.isCurrent(token)]).toEqual([seen, id, true]);
    expect(keys.verify(keys.sign(SHOP, NOTHING_SEEN, id), SHOP)).toEqual(NOTHING_SEEN);
    expect(sessionIdIn(keys.sign(SHOP, seen))).toBe(null);
  });

  it('[TK12] takes a token of before there were ids', () => {
    const secret = { id: 'a', secret: 'secret-of-sixteen-chars' };
    const token = 't1.a.0-1-42.v6UXo2vNbXTvWff2BsZtbw';
    expect(new TokenKeys([secret]).verify(token, SHOP)).toEqual(new Map([[0, at(42)]]));
  });

  it.each([null, '0a1b2c3d'])('[TK2] refuses a token with any character changed, with the id %s', (id) => {
    const token = keys.sign(SHOP, seen, id);
    for (let i = 0; i < token.length; i++) {
      const changed = token.slice(0, i) + (token[i] === 'x' ? 'y' : 'x') + token.slice(i + 1);
      expect(refusalOf(() => keys.verify(changed, SHOP))).toMatch(/^token-invalid: /);
    }
  });

  it('[TK2] refuses what is not a token', () => {
    for (const token of [
      '',
      '.',
      '...',
      't1',
      't1.new',
      't1.new.0-1-42',
      't1.new.0-1-42.',
      `${keys.sign(SHOP, seen)}.x`,
      `t1.new.0-1-42~.${'A'.repeat(22)}`,
      `t1.new.0-1-42~0a1b2c3.${'A'.repeat(22)}`,
      `t1.new.~0a1b2c3d~0a1b2c3d.${'A'.repeat(22)}`,
      '🙂',
    ]) {
      expect(refusalOf(() => keys.verify(token, SHOP))).toMatch(/^token-invalid: /);
    }
  });

  it('[TK2] refuses a forged token after it has checked a right one for the same position', () => {
    const token = keys.sign(SHOP, seen);
    const forged = token.slice(0, -22) + '-'.repeat(22);
    expect(refusalOf(() => keys.verify(forged, SHOP))).toMatch(/^token-invalid: /);
    expect(keys.verify(token, SHOP)).toEqual(seen);
  });

  it('[TK3] refuses a token of another database, and of a database of the same name that was deleted', () => {
    const token = keys.sign(SHOP, seen);
    expect(refusalOf(() => keys.verify(token, { ...SHOP, database: 'blog' }))).toContain('another database');
    expect(refusalOf(() => keys.verify(token, { ...SHOP, incarnation: 'two' }))).toContain('deleted');
  });

  it('[TK4] signs with the first key and takes tokens of all of them', () => {
    const old = new TokenKeys([OLD]).sign(SHOP, seen);
    expect(keys.verify(old, SHOP)).toEqual(seen);
    expect([keys.isCurrent(old), keys.isCurrent(keys.sign(SHOP, seen))]).toEqual([false, true]);
  });

  it('[TK4] refuses a token of a key that was taken away, and of one with the same id and another secret', () => {
    const old = new TokenKeys([OLD]).sign(SHOP, seen);
    expect(refusalOf(() => new TokenKeys([NEW]).verify(old, SHOP))).toContain('key');
    expect(refusalOf(() => new TokenKeys([{ ...OLD, secret: NEW.secret }]).verify(old, SHOP))).toMatch(
      /^token-invalid/,
    );
  });

  it('[TK5] is bounded: the fullest token fits, a longer one is refused unread', () => {
    const widest = at(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const full = new Map(Array.from({ length: TOKEN_PARTITIONS_MAX }, (_, i) => [i, widest] as const));
    const token = keys.sign(SHOP, full, 'ffffffff');
    expect(token.length).toBeLessThanOrEqual(TOKEN_CHARS_MAX);
    expect(keys.verify(token, SHOP)).toEqual(full);
    expect(refusalOf(() => keys.verify('x'.repeat(TOKEN_CHARS_MAX + 1), SHOP))).toContain('longer');
  });

  it('[TK6] refuses a format that it does not know', () => {
    expect(refusalOf(() => keys.verify(keys.sign(SHOP, seen).replace('t1', 't2'), SHOP))).toContain('format');
  });

  it('[TK7] merges by maximum, partition by partition, and never moves back', () => {
    const other: Seen = new Map([
      [0, at(41)],
      [3, at(1, 3)],
      [5, at(1)],
    ]);
    const merged = new Map([
      [0, at(42)],
      [3, at(1, 3)],
      [5, at(1)],
    ]);
    expect(mergeSeen(seen, other)).toEqual(merged);
    expect(mergeSeen(other, seen)).toEqual(merged);
    expect(moveForward(seen, 0, at(42))).toBe(seen);
    expect(moveForward(seen, 0, at(41))).toBe(seen);
    expect(moveForward(seen, 0, at(43)).get(0)).toEqual(at(43));
  });
});
