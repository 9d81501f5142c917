import * as v from 'valibot';

import { REGIONS } from '../regions.ts';
import { DURABILITIES } from './settings.ts';

// What answers look like, for the OpenAPI document and for tests. Nothing is validated on the way out.

const Whole = v.pipe(v.number(), v.integer());
const RegionSchema = v.picklist(REGIONS);

const PositionSchema = v.pipe(v.strictObject({ epoch: Whole, lsn: Whole }), v.metadata({ ref: 'Position' }));

export const HealthSchema = v.strictObject({ ok: v.literal(true) });

export const DatabaseListSchema = v.strictObject({
  databases: v.array(v.strictObject({ database: v.string() })),
});

export const DatabaseSchema = v.strictObject({
  database: v.string(),
  settings: v.strictObject({
    leader: RegionSchema,
    followers: v.array(RegionSchema),
    partitions: Whole,
    durability: v.picklist(DURABILITIES),
  }),
  partitions: v.array(
    v.strictObject({
      partition: Whole,
      epoch: Whole,
      leader: RegionSchema,
      followers: v.array(RegionSchema),
    }),
  ),
});

const CellSchema = v.pipe(
  v.union([
    v.string(),
    v.number(),
    v.null(),
    v.strictObject({ integer: v.string() }),
    v.strictObject({ base64: v.string() }),
  ]),
  v.metadata({ ref: 'Cell' }),
);

const ResultSchema = v.strictObject({
  columns: v.array(v.string()),
  rows: v.array(v.array(CellSchema)),
  meta: v.strictObject({
    changes: Whole,
    last_row_id: v.union([v.number(), v.strictObject({ integer: v.string() })]),
    rows_read: Whole,
    rows_written: Whole,
    duration_ms: v.number(),
  }),
});

const ReceiptSchema = v.strictObject({
  database: v.string(),
  partition: Whole,
  role: v.picklist(['leader', 'follower']),
  region: RegionSchema,
  epoch: Whole,
  lsn: Whole,
  staleness_ms: v.pipe(
    v.number(),
    v.description('An upper bound on how long ago the leader was known to be no further than this.'),
  ),
  waited_ms: v.number(),
  route: v.picklist(['nearest', 'caught-up', 'leader', 'fallback']),
  durability: v.nullable(v.picklist(DURABILITIES)),
});

export const QueryAnswerSchema = v.strictObject({ results: v.array(ResultSchema), receipt: ReceiptSchema });

export const ReplicationSchema = v.strictObject({
  partitions: v.array(
    v.strictObject({
      partition: Whole,
      epoch: Whole,
      leader: v.strictObject({ region: RegionSchema, lsn: Whole }),
      followers: v.array(
        v.strictObject({
          region: RegionSchema,
          state: v.pipe(
            v.picklist(['catching-up', 'streaming', 'stranded', 'failed', 'unreachable']),
            v.description(
              '`stranded`: the log no longer holds what the follower needs next. `failed`: it cannot apply what it got. ' +
                '`unreachable`: it did not answer, or is not set up yet; the other fields are then null.',
            ),
          ),
          applied: v.nullable(PositionSchema),
          lag_entries: v.nullable(Whole),
          lag_seconds: v.nullable(v.number()),
        }),
      ),
    }),
  ),
});

export const DigestSchema = v.strictObject({ position: PositionSchema, sha256: v.string() });

export const ProblemSchema = v.pipe(
  v.looseObject({
    type: v.pipe(v.string(), v.description('The path of a page that explains the code.')),
    title: v.string(),
    status: Whole,
    detail: v.pipe(v.string(), v.description('What happened, and what to do.')),
    code: v.string(),
    offset: v.optional(
      v.pipe(Whole, v.description('With `sql-error`: where in the statement, in bytes of UTF-8.')),
    ),
    lost: v.optional(v.strictObject({ epoch: Whole, from_lsn: Whole, to_lsn: Whole })),
    limit: v.optional(v.pipe(Whole, v.description('With `too-large`: how much is allowed.'))),
  }),
  v.metadata({ ref: 'Problem' }),
);
