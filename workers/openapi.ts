import type { Handler, Hono, MiddlewareHandler } from 'hono';
import { describeRoute, openAPIRouteHandler, resolver, type DescribeRouteOptions } from 'hono-openapi';

import type { FailureCode } from '../shared/failure.ts';
import { BODY_BYTES_MAX } from '../shared/limits.ts';
import * as answers from '../shared/protocol/answers.ts';
import {
  ChangeBodySchema,
  FailoverBodySchema,
  FollowerBodySchema,
  QueryBodySchema,
  SettingsBodySchema,
} from '../shared/protocol/bodies.ts';
import { REGIONS } from '../shared/regions.ts';
import type { Edge } from './env.ts';
import { METRICS_DATABASES_MAX } from './metrics.ts';
import {
  databaseParameter,
  lostEntriesParameters,
  partitionParameter,
  queryHeaders,
  reapplyParameters,
  regionParameter,
  replicaParameter,
} from './openapi-parameters.ts';
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
  patchDatabase: documented({
    summary: 'Change the settings of a database',
    parameters: [databaseParameter],
    requestBody: { required: true, content: json(ChangeBodySchema) },
    responses: {
      200: ok('They are changed.', answers.DatabaseSchema),
      ...failures(...ON_DATABASE, 'too-large', 'outcome-unknown'),
    },
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
  postFailover: documented({
    summary: 'Have another replica lead',
    description:
      'A planned one waits until the replica that is to lead has everything, and loses nothing. A forced one is for a leader that is gone: ' +
      'what only that had is lost, and listed once it is back. Repeated after a lost answer it may be refused, as the first one runs or is done.',
    parameters: [databaseParameter],
    requestBody: { required: true, content: json(FailoverBodySchema) },
    responses: {
      200: ok('It is done.', answers.FailoverSchema),
      202: ok('It is decided, and goes on; `detail` says what it waits for.', answers.FailoverSchema),
      ...failures(...ON_DATABASE, 'not-found', 'failover-refused', 'too-large', 'outcome-unknown'),
    },
  }),
  lostEntries: documented({
    summary: 'List what failovers lost',
    description:
      'An old leader keeps what was cut off from its log when it comes back. Until it has, its entries are not here.',
    parameters: [databaseParameter, ...lostEntriesParameters],
    responses: {
      200: ok('In the order of epoch and LSN.', answers.LostEntriesSchema),
      ...failures(...ON_DATABASE, 'not-found'),
    },
  }),
  postReapply: documented({
    summary: 'Apply a lost entry again, as a new write',
    description:
      'Its rows must be as it found them. Applied a second time it gives the answer of the first, for as long as an Idempotency-Key is kept.',
    parameters: [databaseParameter, ...reapplyParameters],
    responses: {
      200: ok('As for a write that returns no rows.', answers.QueryAnswerSchema),
      ...failures(
        ...ON_DATABASE,
        'not-found',
        'lost-entry-conflict',
        'constraint',
        'too-large',
        'outcome-unknown',
      ),
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
      partitionParameter,
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
  | 'patchDatabase'
  | 'deleteDatabase'
  | 'query'
  | 'postFollower'
  | 'deleteFollower'
  | 'postFailover'
  | 'lostEntries'
  | 'postReapply'
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
