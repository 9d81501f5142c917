import { refuse } from '../shared/failure.ts';
import { type Epoch, type Lsn, toEpoch, toLsn } from '../shared/lsn.ts';
import type { Position } from '../shared/position.ts';
import type { LostEntriesQuery } from '../shared/lost-entry.ts';
import type { EdgeContext } from './env.ts';

export const LOST_ENTRIES_DEFAULT = 50;
export const LOST_ENTRIES_MAX = 200;

/** @throws Refusal `invalid-request`, which names the parameter */
export function readLostEntriesQuery(c: EdgeContext): LostEntriesQuery {
  const [epoch, from_lsn, to_lsn] = [epochIn(c), lsnIn(c, 'from_lsn'), lsnIn(c, 'to_lsn')];
  if ((from_lsn !== null || to_lsn !== null) && epoch === null)
    invalid('epoch is missing: from_lsn and to_lsn are places within one epoch');
  return {
    epoch,
    from_lsn,
    to_lsn,
    from_time: timeIn(c, 'since'),
    to_time: timeIn(c, 'until'),
    user: c.req.query('user') ?? null,
    table: c.req.query('table') ?? null,
    after: positionIn(c, 'after'),
    limit: limitIn(c),
  };
}

/** The `epoch` of the query; null where none is given. @throws Refusal `invalid-request` */
export function epochIn(c: EdgeContext): Epoch | null {
  const given = c.req.query('epoch');
  return given === undefined ? null : epochFrom('epoch', given);
}

/** @throws Refusal `invalid-request` */
export function lsnFrom(where: string, given: string): Lsn {
  if (!/^\d{1,15}$/.test(given) || Number(given) < 1)
    invalid(`${where} must be an LSN, a whole number from 1`);
  return toLsn(Number(given));
}

function epochFrom(where: string, given: string): Epoch {
  if (!/^\d{1,15}$/.test(given) || Number(given) < 1)
    invalid(`${where} must be an epoch, a whole number from 1`);
  return toEpoch(Number(given));
}

function lsnIn(c: EdgeContext, name: string): Lsn | null {
  const given = c.req.query(name);
  return given === undefined ? null : lsnFrom(name, given);
}

function positionIn(c: EdgeContext, name: string): Position | null {
  const given = c.req.query(name);
  if (given === undefined) return null;
  const [epoch = '', lsn = '', ...rest] = given.split(':');
  if (rest.length > 0 || lsn === '') invalid(`${name} must be a position such as 1:42, as \`next\` gives it`);
  return { epoch: epochFrom(name, epoch), lsn: lsnFrom(name, lsn) };
}

function timeIn(c: EdgeContext, name: string): number | null {
  const given = c.req.query(name);
  if (given === undefined) return null;
  const ms = /^\d{1,15}$/.test(given) ? Number(given) : Date.parse(given);
  return Number.isFinite(ms)
    ? ms
    : invalid(`${name} must be a time, in milliseconds since 1970 or such as 2026-01-31T12:00:00Z`);
}

function limitIn(c: EdgeContext): number {
  const given = c.req.query('limit') ?? String(LOST_ENTRIES_DEFAULT);
  const limit = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > LOST_ENTRIES_MAX)
    invalid(`limit must be a whole number from 1 to ${LOST_ENTRIES_MAX}`);
  return limit;
}

function invalid(what: string): never {
  return refuse({ code: 'invalid-request', detail: `${what}.` });
}
