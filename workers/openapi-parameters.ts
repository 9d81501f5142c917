import type { DescribeRouteOptions } from 'hono-openapi';

import { DURABILITY_WAIT_MS, REQUEST_ID_CHARS_MAX, WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../shared/limits.ts';
import { DURABILITIES } from '../shared/protocol/settings.ts';
import { REGIONS } from '../shared/regions.ts';
import { CONSISTENCIES } from '../shared/routing/job.ts';
import { LOST_ENTRIES_DEFAULT, LOST_ENTRIES_MAX } from './lost-entries-query.ts';

// What /openapi.json says of what comes in paths, queries and headers.

type ParameterList = NonNullable<DescribeRouteOptions['parameters']>;

export const databaseParameter = {
  name: 'database',
  in: 'path' as const,
  required: true,
  schema: { type: 'string' as const, pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
};

export const regionParameter = {
  name: 'region',
  in: 'path' as const,
  required: true,
  schema: { type: 'string' as const, enum: [...REGIONS] },
};

export function replicaParameter(description: string) {
  return {
    name: 'replica',
    in: 'query' as const,
    description,
    schema: { type: 'string' as const, examples: ['enam/2'] },
  };
}

function header(name: string, description: string, schema: object) {
  return { name, in: 'header' as const, description, schema };
}

const durabilityHeader = header(
  'Tidemark-Durability',
  "How many replicas a write must be durable at before it is acknowledged. The database's where absent.",
  { type: 'string', enum: DURABILITIES },
);

const preferHeader = header(
  'Prefer',
  `\`wait=SECONDS\`: how long a read may wait for its position, ${WAIT_MS_DEFAULT / 1000} if absent, and how long a write may wait until it is ` +
    `as durable as asked, ${DURABILITY_WAIT_MS / 1000} if absent; ${WAIT_MS_MAX / 1000} at most.`,
  { type: 'string' },
);

export const queryHeaders: ParameterList = [
  header('Tidemark-Session', 'A token from an earlier answer.', { type: 'string' }),
  header('Tidemark-Consistency', 'How fresh a read must be.', {
    type: 'string',
    enum: CONSISTENCIES,
    default: 'session',
  }),
  header('Tidemark-Max-Staleness', 'In seconds. Needed with `bounded`.', { type: 'number', minimum: 0 }),
  durabilityHeader,
  header('Tidemark-Partition-Key', 'Its hash picks the partition.', { type: 'string' }),
  header('Tidemark-User', 'The user whose devices share a session.', {
    type: 'string',
    minLength: 1,
    maxLength: 255,
  }),
  header('Idempotency-Key', 'A retry of a write gets the first answer.', {
    type: 'string',
    minLength: 1,
    maxLength: REQUEST_ID_CHARS_MAX,
  }),
  preferHeader,
];

function query(name: string, description: string, schema: object) {
  return { name, in: 'query' as const, description, schema };
}

export const partitionParameter = query('partition', '0 where absent.', { type: 'integer', default: 0 });

export const lostEntriesParameters: ParameterList = [
  partitionParameter,
  query('epoch', 'Only those of this epoch.', { type: 'integer', minimum: 1 }),
  query('from_lsn', 'Only those from this LSN of the epoch.', { type: 'integer', minimum: 1 }),
  query('to_lsn', 'Only those up to this LSN of the epoch.', { type: 'integer', minimum: 1 }),
  query('since', 'Only those from this time: milliseconds since 1970, or RFC 3339.', { type: 'string' }),
  query('until', 'Only those up to this time.', { type: 'string' }),
  query('user', 'Only what this user wrote.', { type: 'string' }),
  query('table', 'Only those that changed this table.', { type: 'string' }),
  query('limit', 'How many to give.', {
    type: 'integer',
    minimum: 1,
    maximum: LOST_ENTRIES_MAX,
    default: LOST_ENTRIES_DEFAULT,
  }),
  query('after', 'Only those after this position, as `next` of the answer before gives it.', {
    type: 'string',
    examples: ['1:42'],
  }),
];

export const reapplyParameters: ParameterList = [
  {
    name: 'lsn',
    in: 'path',
    required: true,
    description: 'Of the lost entry.',
    schema: { type: 'integer', minimum: 1 },
  },
  partitionParameter,
  query('epoch', 'Of the lost entry. Needed where several epochs lost an entry with the LSN.', {
    type: 'integer',
    minimum: 1,
  }),
  durabilityHeader,
  preferHeader,
];
