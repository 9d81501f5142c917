import * as v from 'valibot';

import { REGIONS } from '../regions.ts';
import { DURABILITIES } from './settings.ts';

// What answers look like, for the OpenAPI document and for tests. Nothing is validated on the way out.

const Whole = v.pipe(v.number(), v.integer());
const RegionSchema = v.picklist(REGIONS);

const PositionSchema = v.pipe(v.strictObject({ epoch: Whole, lsn: Whole }), v.metadata({ ref: 'Position' }));

const RunningFailoverSchema = v.pipe(
  v.strictObject({
    mode: v.picklist(['planned', 'forced', 'automatic']),
    to: v.nullable(v.string()),
    since: v.pipe(Whole, v.description('In milliseconds since 1970.')),
    detail: v.pipe(v.string(), v.description('What it waits for.')),
  }),
  v.description('A failover that is decided on and not at its end; null where none is.'),
  v.metadata({ ref: 'RunningFailover' }),
);

const LostRangeSchema = v.strictObject({ epoch: Whole, from_lsn: Whole, to_lsn: Whole });

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
    automatic_failover_seconds: v.nullable(v.number()),
  }),
  partitions: v.array(
    v.strictObject({
      partition: Whole,
      epoch: Whole,
      revision: v.pipe(Whole, v.description('Goes up with every change of the replicas.')),
      leader: RegionSchema,
      followers: v.array(RegionSchema),
      members: v.pipe(
        v.array(v.string()),
        v.description('The followers that are read from and count for durability.'),
      ),
      joining: v.pipe(v.array(v.string()), v.description('The followers that have not caught up yet.')),
      failover: v.nullable(RunningFailoverSchema),
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

const LagSchema = v.pipe(
  v.strictObject({ lsn: Whole, lag_entries: Whole, lag_bytes: Whole, lag_seconds: v.number() }),
  v.metadata({ ref: 'Lag' }),
);

const ReplicaNameSchema = v.pipe(
  v.string(),
  v.description(
    'What tells the replica from others: its region, with a number behind it where it came later.',
  ),
);

const LeaderStatusSchema = v.strictObject({
  region: RegionSchema,
  replica: ReplicaNameSchema,
  state: v.pipe(
    v.picklist(['leading', 'handing-over', 'unreachable']),
    v.description('Where it does not answer, `lsn` is what its followers have heard, and the rest is null.'),
  ),
  detail: v.pipe(v.nullable(v.string()), v.description('What is the matter, as that it has no lease.')),
  lsn: Whole,
  settled: v.pipe(
    v.nullable(Whole),
    v.description('The greatest LSN that is as durable as the database asks.'),
  ),
  held: v.pipe(v.nullable(Whole), v.description('Answers that wait until they are durable.')),
  database_bytes: v.nullable(Whole),
  log_bytes: v.nullable(Whole),
  log_after: v.pipe(v.nullable(Whole), v.description('The log holds what follows this LSN.')),
});

const FollowerStatusSchema = v.strictObject({
  region: RegionSchema,
  replica: ReplicaNameSchema,
  membership: v.pipe(
    v.picklist(['joining', 'member']),
    v.description('Only a member is read from and counts for durability.'),
  ),
  state: v.pipe(
    v.picklist([
      'rolling-back',
      'installing',
      'catching-up',
      'streaming',
      'stranded',
      'failed',
      'unreachable',
    ]),
    v.description(
      '`rolling-back`: it undoes what a failover cut off. ' +
        '`installing`: it copies a snapshot. `stranded`: the log no longer holds what it needs next, so it will install. ' +
        '`failed`: it cannot apply what it got. `unreachable`: it did not answer, or is not set up yet; what it would say itself is then null.',
    ),
  ),
  detail: v.nullable(v.string()),
  applied: v.nullable(PositionSchema),
  lag_entries: v.nullable(Whole),
  lag_bytes: v.nullable(Whole),
  lag_seconds: v.nullable(v.number()),
  stages: v.pipe(
    v.strictObject({
      sent: v.nullable(LagSchema),
      received: v.nullable(LagSchema),
      applied: v.nullable(LagSchema),
    }),
    v.description(
      "How far behind the leader's newest entry each stage is; null where the leader does not know.",
    ),
  ),
  staleness_ms: v.nullable(v.number()),
  waiting: v.pipe(v.nullable(Whole), v.description('Reads that wait for their position.')),
  database_bytes: v.nullable(Whole),
  log_bytes: v.nullable(Whole),
});

export const ReplicationSchema = v.strictObject({
  partitions: v.array(
    v.strictObject({
      partition: Whole,
      epoch: Whole,
      revision: Whole,
      history: v.pipe(
        v.array(
          v.strictObject({
            epoch: Whole,
            after: PositionSchema,
            mode: v.picklist(['planned', 'forced', 'automatic']),
            at: Whole,
            heard: Whole,
          }),
        ),
        v.description(
          'The failovers: which epoch began after which position, when, and how far the leader before was at least. What is between is lost.',
        ),
      ),
      failover: v.nullable(RunningFailoverSchema),
      leader: LeaderStatusSchema,
      followers: v.array(FollowerStatusSchema),
    }),
  ),
});

export const DigestSchema = v.strictObject({ position: PositionSchema, sha256: v.string() });

export const FailoverSchema = v.strictObject({
  database: v.string(),
  partition: Whole,
  mode: v.picklist(['planned', 'forced']),
  state: v.picklist(['done', 'running']),
  epoch: Whole,
  leader: ReplicaNameSchema,
  after: v.pipe(
    v.nullable(PositionSchema),
    v.description('Where the new epoch begins; null while the failover runs.'),
  ),
  lost: v.pipe(
    v.nullable(LostRangeSchema),
    v.description(
      'What the old leader had beyond that, as far as the others have heard; null where that is nothing.',
    ),
  ),
  detail: v.pipe(v.nullable(v.string()), v.description('What it waits for; null where it is done.')),
  failover: v.nullable(RunningFailoverSchema),
});

const ImageSchema = v.pipe(
  v.array(CellSchema),
  v.description(
    'The values of the row in the order of its columns; before them the rowid, where no column is the rowid.',
  ),
);

const LostChangeSchema = v.union([
  v.strictObject({ kind: v.literal('insert'), table: v.string(), after: ImageSchema }),
  v.strictObject({ kind: v.literal('update'), table: v.string(), before: ImageSchema, after: ImageSchema }),
  v.strictObject({ kind: v.literal('delete'), table: v.string(), before: ImageSchema }),
  v.strictObject({ kind: v.literal('schema'), sql: v.nullable(v.string()) }),
]);

export const LostEntriesSchema = v.strictObject({
  partition: Whole,
  missing: v.pipe(
    v.array(v.string()),
    v.description(
      'The replicas that did not answer. One of them, as an old leader that is away, may hold more.',
    ),
  ),
  next: v.pipe(
    v.nullable(v.string()),
    v.description('For `after` of the next request; null where there is no more.'),
  ),
  entries: v.array(
    v.strictObject({
      position: PositionSchema,
      time: v.pipe(Whole, v.description("The leader's clock when it was written, in milliseconds.")),
      user: v.nullable(v.string()),
      request: v.pipe(v.nullable(v.string()), v.description('The Idempotency-Key, where it had one.')),
      tables: v.array(v.string()),
      lost_by: v.pipe(Whole, v.description('The epoch whose beginning cut it off.')),
      applied: v.pipe(
        v.nullable(PositionSchema),
        v.description('What it became when it was applied again; null where it was not.'),
      ),
      replicas: v.pipe(v.array(v.string()), v.description('The replicas that keep it.')),
      changes: v.array(LostChangeSchema),
    }),
  ),
});

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
    lost: v.optional(v.pipe(LostRangeSchema, v.description('With `session-lost`: what is lost of it.'))),
    limit: v.optional(v.pipe(Whole, v.description('With `too-large`: how much is allowed.'))),
    position: v.optional(
      v.pipe(
        PositionSchema,
        v.description(
          'With `outcome-unknown`: where the write stands if it stays; missing where nobody knows.',
        ),
      ),
    ),
  }),
  v.metadata({ ref: 'Problem' }),
);
