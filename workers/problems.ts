import type { FailureCode } from '../shared/failure.ts';

type Status = 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 503 | 504;

/** What a caller sees of a failure code, beside the detail of the one failure. */
export interface Problem {
  readonly status: Status;
  readonly title: string;
  readonly when: string;
  readonly toDo: string;
  /** Headers that go with it. */
  readonly headers: Readonly<Record<string, string>>;
}

const RETRY_SOON = { 'Retry-After': '1' };

export const PROBLEMS: Readonly<Record<FailureCode, Problem>> = {
  'invalid-request': {
    status: 400,
    title: 'The request is not well formed',
    when: 'The body, a header or a parameter has the wrong form.',
    toDo: 'Change what the detail names. The document at /openapi.json lists every form.',
    headers: {},
  },
  'sql-error': {
    status: 400,
    title: 'The statement failed',
    when: 'SQLite refused the statement. The detail is its message, and `offset` says where, if it is known. Nothing was applied.',
    toDo: 'Change the statement.',
    headers: {},
  },
  'sql-not-allowed': {
    status: 400,
    title: 'The statement is not allowed',
    when: 'The statement is of a kind that would break replication or other callers, such as BEGIN, ATTACH or a PRAGMA, it uses a reserved name, or there are several statements in one `sql`.',
    toDo: 'The detail names what is not allowed. For several statements at once, all or nothing, send `statements`.',
    headers: {},
  },
  constraint: {
    status: 409,
    title: 'A constraint was violated',
    when: 'A UNIQUE, NOT NULL, CHECK or FOREIGN KEY constraint does not hold. Nothing was applied.',
    toDo: 'Change the values, or use ON CONFLICT.',
    headers: {},
  },
  'token-invalid': {
    status: 400,
    title: 'The session token cannot be used',
    when: 'The token in Tidemark-Session is malformed, forged, or of another database.',
    toDo: 'Go on with the token that this answer carries, or without one.',
    headers: {},
  },
  unauthorized: {
    status: 401,
    title: 'A key is needed',
    when: 'The key is missing or wrong.',
    toDo: 'Send the header `Authorization: Bearer KEY`.',
    headers: { 'WWW-Authenticate': 'Bearer' },
  },
  forbidden: {
    status: 403,
    title: 'The key may not do this',
    when: 'The key is known, but it does not allow this request.',
    toDo: 'Use a key that does.',
    headers: {},
  },
  'database-not-found': {
    status: 404,
    title: 'There is no such database',
    when: 'No database has this name, or it was deleted.',
    toDo: 'Create it with `PUT /v1/databases/NAME`.',
    headers: {},
  },
  'not-found': {
    status: 404,
    title: 'There is nothing here',
    when: 'The path, or the thing that it names, does not exist.',
    toDo: 'The document at /openapi.json lists every path.',
    headers: {},
  },
  'database-exists': {
    status: 409,
    title: 'The database exists with other settings',
    when: 'A database of this name was created with other settings.',
    toDo: 'Use it as it is, choose another name, or delete it first.',
    headers: {},
  },
  'follower-exists': {
    status: 409,
    title: 'The region has a follower already',
    when: 'A follower was to be added to a region that has one. Nothing was changed.',
    toDo: 'Use the one that is there, or send `"another": true` to have one more in the region.',
    headers: {},
  },
  'failover-refused': {
    status: 409,
    title: 'The failover was refused',
    when: 'The replica that is to lead cannot, another failover of the partition runs, or a forced one was asked for while the leader answers. The detail says which. Nothing was changed.',
    toDo: 'Do what the detail names. The replication status shows which replicas may lead, and a failover that runs.',
    headers: {},
  },
  'lost-entry-conflict': {
    status: 409,
    title: 'The lost entry does not fit any more',
    when: 'A lost entry was to be applied again, and rows that it changed are no longer as it found them, or its schema is another one now. Nothing was applied.',
    toDo: 'Compare its rows in `lost-entries` with those that are there, and write what is right with a statement of your own.',
    headers: {},
  },
  'idempotency-conflict': {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    when: 'A request with the same Idempotency-Key had another body.',
    toDo: 'Use a new key for each new request, and the same one only to retry.',
    headers: {},
  },
  'session-lost': {
    status: 409,
    title: 'What this session has seen was lost in a failover',
    when: 'The token, or what other devices of the user have seen, names entries that a failover lost; `lost` says which. It is said once. Nothing was applied.',
    toDo: 'Tell the user that changes which they made or saw may be gone, and go on with the token of this answer, which stands before what was lost. `GET /v1/databases/NAME/lost-entries` lists what the old leader kept.',
    headers: {},
  },
  'too-large': {
    status: 413,
    title: 'Something is over its limit',
    when: 'The body, a statement, a row, an entry or the result is over its limit; `limit` says how much is allowed.',
    toDo: 'Send or ask for less at a time.',
    headers: {},
  },
  overloaded: {
    status: 429,
    title: 'Too many requests at once',
    when: 'There are more requests than can be served. This one was not applied.',
    toDo: 'Try again after the time in Retry-After, and then less often.',
    headers: RETRY_SOON,
  },
  'not-configured': {
    status: 503,
    title: 'The deployment is not set up yet',
    when: 'A secret that the deployment needs is missing or malformed.',
    toDo: 'Run the command in the detail.',
    headers: {},
  },
  unavailable: {
    status: 503,
    title: 'The database cannot be reached just now',
    when: 'There is no leader just now, or another change of the replicas is on its way. The request was not applied.',
    toDo: 'Try again after the time in Retry-After.',
    headers: RETRY_SOON,
  },
  'outcome-unknown': {
    status: 504,
    title: 'The request may have been applied',
    when: 'The leader did not say whether it applied the request, or the write was not as durable as asked in time; `position` then says where it stands.',
    toDo: 'Retry with the same Idempotency-Key: the request is then applied once, and the first answer given again.',
    headers: {},
  },
  behind: {
    status: 504,
    title: 'No replica has come far enough in time',
    when: 'No replica reached the position that the session token asks for before the deadline, or what was read was not yet as durable as the database asks.',
    toDo: 'Try again, or allow more time with `Prefer: wait=SECONDS`.',
    headers: {},
  },
};

/** The code in a path such as `/problems/CODE`. */
export function isFailureCode(value: string): value is FailureCode {
  return Object.hasOwn(PROBLEMS, value);
}
