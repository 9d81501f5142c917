import { toEpoch, toLsn } from '../../../shared/lsn.ts';
import type { Consistency, Happening, HistoryEvent, Ok, Read, Write } from '../history.ts';
import type { Effect } from '../model.ts';

/** One client's operation on a time line: no two times are equal, and one without an end never ends. */
export interface Piece {
  readonly from: number;
  readonly to: number | null;
  readonly does: Write | Read;
  readonly end: 'ok' | 'fail' | 'info';
  readonly rows: Ok['rows'];
  readonly session: string;
  readonly client: string;
  readonly consistency: Consistency;
}

/** A history of what clients asked and were told, and nothing else. Operations are numbered from 1, as they are given. */
export function timeline(...pieces: readonly Piece[]): HistoryEvent[] {
  const position = { epoch: toEpoch(1), lsn: toLsn(1) };
  const events = pieces.flatMap((piece, i): HistoryEvent[] => {
    const op = i + 1;
    const { from, to, does, end, rows, client, session, consistency } = piece;
    const asked = {
      client,
      session,
      user: null,
      consistency,
      staleness_ms_max: null,
      durability: null,
      need: null,
      bound_ms: 1_000,
      does,
    };
    const invoke = { t: from, event: 'invoke' as const, op, ...asked };
    return to === null ? [invoke] : [invoke, { t: to, ...ended(end) }];

    function ended(end: Piece['end']): Happening {
      switch (end) {
        case 'ok':
          return { event: end, op, position, token: position, rows, staleness_ms: 0 };
        case 'fail':
          return { event: end, op, code: 'constraint', position, token: position };
        case 'info':
          return { event: end, op, token: position };
      }
    }
  });
  return events.toSorted((a, b) => a.t - b.t);
}

type When = readonly [from: number, to: number | null];
type Who = Partial<Pick<Piece, 'session' | 'client' | 'consistency' | 'end'>>;

function piece([from, to]: When, what: Pick<Piece, 'does' | 'rows'>, who: Who): Piece {
  const session = who.session ?? who.client ?? 's';
  const client = who.client ?? session;
  return { from, to, end: 'ok', consistency: 'session', ...what, ...who, session, client };
}

export function writes(
  when: When,
  effects: readonly Effect[],
  who: Who & { readonly rows?: Ok['rows'] } = {},
): Piece {
  const { rows = effects.map(() => []), ...rest } = who;
  return piece(when, { does: { kind: 'write', key: null, reusesKey: false, effects }, rows }, rest);
}

/** A compare-and-set on `x` of which it is told whether it matched. */
export function cas(when: When, [from, to]: readonly [number, number], matched: boolean): Piece {
  return writes(when, [['compare-and-set', 'x', from, to]], { rows: [matched ? [['x', to]] : []] });
}

/** A strong read of all registers. */
export function sees(when: When, registers: Readonly<Record<string, number>>, who: Who = {}): Piece {
  const rows = [Object.entries(registers)];
  return piece(
    when,
    { does: { kind: 'read', views: ['registers'] }, rows },
    { consistency: 'strong', ...who },
  );
}

/** A read of all lists. */
export function seesLists(
  when: When,
  lists: Readonly<Record<string, readonly number[]>>,
  who: Who = {},
): Piece {
  const rows = [Object.entries(lists).flatMap(([list, values]) => values.map((value) => [list, value]))];
  return piece(when, { does: { kind: 'read', views: ['lists'] }, rows }, who);
}
