import type { Handler, Hono, MiddlewareHandler } from 'hono';
import { describeRoute, openAPIRouteHandler, resolver, type DescribeRouteOptions } from 'hono-openapi';

import type { FailureCode } from '../shared/failure.ts';
import {
  BODY_BYTES_MAX,
  DURABILITY_WAIT_MS,
  REQUEST_ID_CHARS_MAX,
  WAIT_MS_DEFAULT,
  WAIT_MS_MAX,
} from '../shared/limits.ts';
import * as answers from '../shared/protocol/answers.ts';
import { FollowerBodySchema, QueryBodySchema, SettingsBodySchema } from '../shared/protocol/bodies.ts';
import { DURABILITIES } from '../shared/protocol/settings.ts';
import { REGIONS } from '../shared/regions.ts';
import { CONSISTENCIES } from '../shared/routing/job.ts';
import type { Edge } from './env.ts';
import { METRICS_DATABASES_MAX } from './metrics.ts';
import { PROBLEMS } from './problems.ts';

// What /openapi.json says of each endpoint. Bodies come from the schemas that validate them.

type Responses = NonNullable<DescribeRouteOptions['responses']>;
type Schema = Parameters<typeof resolver>[0];

const SESSION_HEADER = 'Tidemark-Session';

const everyAnswersHeaders = {
  [SESSION_HEADER]: {
    description: 'How far this session has seen. Send it with the next request, from any device.',
    schema: { type: 'string' as const },
  },
  'Tidemark-Request-Id': { description: 'For support.', schema: { type: 'string' as const } },
};

function json(schema: Schema) {
  return { 'application/json': { schema: resolver(schema) } };
}

function ok(description: string, schema: Schema) {
  return { description, headers: everyAnswersHeaders, content: json(schema) };
}

/** Codes that share a status share an answer. */
function failures(...codes: readonly FailureCode[]): Responses {
  const responses: Responses = {};
  for (const [status, group] of Map.groupBy(codes, (code) => PROBLEMS[code].status)) {
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].when}`).join('\n\n'),
      headers: everyAnswersHeaders,
      content: { 'application/problem+json': { schema: resolver(answers.ProblemSchema) } },
    };
  }
  return responses;
}

const ALWAYS: readonly FailureCode[] = ['unauthorized', 'not-configured', 'unavailable', 'overloaded'];
const ON_DATABASE: readonly FailureCode[] = [
  ...ALWAYS,
  'invalid-request',
  'token-invalid',
  'database-not-found',
];

type ParameterList = NonNullable<DescribeRouteOptions['parameters']>;

const databaseParameter = {
  name: 'database',
  in: 'path' as const,
  required: true,
  schema: { type: 'string' as const, pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
};

const regionParameter = {
  name: 'region',
  in: 'path' as const,
  required: true,
  schema: { type: 'string' as const, enum: [...REGIONS] },
};

function replicaParameter(description: string) {
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

const queryHeaders: ParameterList = [
  header(SESSION_HEADER, 'A token from an earlier answer.', { type: 'string' }),
  header('Tidemark-Consistency', 'How fresh a read must be.', {
    type: 'string',
    enum: CONSISTENCIES,
    default: 'session',
  }),
  header('Tidemark-Max-Staleness', 'In seconds. Needed with `bounded`.', { type: 'number', minimum: 0 }),
  header(
    'Tidemark-Durability',
    "How many replicas a write must be durable at before it is acknowledged. The database's where absent.",
    { type: 'string', enum: DURABILITIES },
  ),
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
  header(
    'Prefer',
    `\`wait=SECONDS\`: how long a read may wait for its position, ${WAIT_MS_DEFAULT / 1000} if absent, and how long a write may wait until it is ` +
      `as durable as asked, ${DURABILITY_WAIT_MS / 1000} if absent; ${WAIT_MS_MAX / 1000} at most.`,
    { type: 'string' },
  ),
];

type Described = <H extends Handler<Edge>>(handler: H) => H;

/** Ties a description to its handler. As a middleware of its own it would run with every request, for nothing. */
function documented(options: DescribeRouteOptions): Described {
  return (handler) => Object.assign(handler, describeRoute(options));
}

export const describe: Readonly<Record<Endpoint, Described>> = {
  health: documented({
    summary: 'Whether requests can be served',
    security: [],
    responses: { 200: ok('They can.', answers.HealthSchema), ...failures('not-configured') },
  }),
  problemPage: documented({
    summary: 'What a problem means, for people',
    security: [],
    responses: { 200: { description: 'A page.', content: { 'text/html': {} } }, ...failures('not-found') },
  }),
  listDatabases: documented({
    summary: 'List the databases',
    responses: { 200: ok('In alphabetical order.', answers.DatabaseListSchema), ...failures(...ALWAYS) },
  }),
  putDatabase: documented({
    summary: 'Create a database',
    description: 'All settings are optional: a leader near the caller, no followers, one partition, async.',
    parameters: [databaseParameter],
    requestBody: { content: json(SettingsBodySchema) },
    responses: {
      200: ok('It existed with these settings.', answers.DatabaseSchema),
      201: ok('It was created.', answers.DatabaseSchema),
      ...failures(...ALWAYS, 'invalid-request', 'database-exists', 'too-large', 'outcome-unknown'),
    },
  }),
  getDatabase: documented({
    summary: 'The settings, and who leads and follows',
    parameters: [databaseParameter],
    responses: { 200: ok('As the directory has it.', answers.DatabaseSchema), ...failures(...ON_DATABASE) },
  }),
  deleteDatabase: documented({
    summary: 'Delete a database and all its storage',
    parameters: [databaseParameter],
    responses: {
      204: { description: 'It is gone.', headers: everyAnswersHeaders },
      ...failures(...ALWAYS, 'invalid-request', 'database-not-found', 'outcome-unknown'),
    },
  }),
  query: documented({
    summary: 'Run SQL',
    description: `One statement, or a list of them that is one transaction. The body has ${BODY_BYTES_MAX} bytes at most.`,
    parameters: [databaseParameter, ...queryHeaders],
    requestBody: { required: true, content: json(QueryBodySchema) },
    responses: {
      200: ok('The results, and who gave them.', answers.QueryAnswerSchema),
      ...failures(
        ...ON_DATABASE,
        'sql-error',
        'sql-not-allowed',
        'constraint',
        'idempotency-conflict',
        'session-lost',
        'too-large',
        'outcome-unknown',
        'behind',
      ),
    },
  }),
  postFollower: documented({
    summary: 'Add a follower, without downtime',
    description:
      'It copies what is there while the database is used, and counts once it has caught up: the replication status shows it. ' +
      'A retry after a lost answer is refused with `follower-exists` where the first try was heard.',
    parameters: [databaseParameter],
    requestBody: { required: true, content: json(FollowerBodySchema) },
    responses: {
      202: ok('It is decided, and on its way.', answers.DatabaseSchema),
      ...failures(...ON_DATABASE, 'follower-exists', 'too-large', 'outcome-unknown'),
    },
  }),
  deleteFollower: documented({
    summary: 'Remove a follower and its storage',
    description:
      'Of several in the region the newest, and one that is still joining before any other. Not the last that the durability needs.',
    parameters: [
      databaseParameter,
      regionParameter,
      replicaParameter(
        'The one to remove, where the region has several, as the replication status names it.',
      ),
    ],
    responses: {
      204: { description: 'Nobody asks it any more.', headers: everyAnswersHeaders },
      ...failures(...ON_DATABASE, 'not-found', 'outcome-unknown'),
    },
  }),
  replication: documented({
    summary: 'How far each follower is behind its leader',
    parameters: [databaseParameter],
    responses: { 200: ok('Per partition.', answers.ReplicationSchema), ...failures(...ON_DATABASE) },
  }),
  digest: documented({
    summary: "The hash of one replica's schema and rows",
    parameters: [
      databaseParameter,
      { name: 'partition', in: 'query', schema: { type: 'integer', default: 0 } },
      {
        name: 'region',
        in: 'query',
        description: "The leader's where absent.",
        schema: { type: 'string', enum: [...REGIONS] },
      },
      replicaParameter('One of several in a region, as the replication status names it.'),
    ],
    responses: {
      200: ok('Replicas at one position give the same hash.', answers.DigestSchema),
      ...failures(...ON_DATABASE, 'not-found'),
    },
  }),
  metrics: documented({
    summary: 'Metrics for Prometheus',
    description:
      'A scrape wakes every replica of the databases that it asks about, so name those that matter. ' +
      `Without names it asks about the first ${METRICS_DATABASES_MAX} in alphabetical order.`,
    parameters: [
      {
        name: 'database',
        in: 'query',
        description: 'May be repeated.',
        schema: { type: 'array', items: { type: 'string' }, maxItems: METRICS_DATABASES_MAX },
      },
    ],
    responses: {
      200: {
        description: 'Text format 0.0.4.',
        headers: everyAnswersHeaders,
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
      ...failures(...ALWAYS, 'invalid-request'),
    },
  }),
};

type Endpoint =
  | 'health'
  | 'problemPage'
  | 'listDatabases'
  | 'putDatabase'
  | 'getDatabase'
  | 'deleteDatabase'
  | 'query'
  | 'postFollower'
  | 'deleteFollower'
  | 'replication'
  | 'digest'
  | 'metrics';

/** Answers with the document about `router`, which is made when it is first asked for. */
export function openApi(router: Hono<Edge>): MiddlewareHandler<Edge> {
  return openAPIRouteHandler(router, {
    documentation: {
      info: {
        title: 'Tidemark',
        version: '1',
        description: 'A replicated SQL store: one leader, regional followers, session tokens.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  });
}
