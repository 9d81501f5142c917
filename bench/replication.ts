import { BATCH_ROWS, bulkRows } from './bodies.ts';
import type { Observed } from './observed-worker.ts';
import type { LoadThread, Subject } from './subject.ts';

export interface Cost {
  /** Rows written as the platform bills them, for each row that was inserted. */
  readonly leader: number;
  readonly follower: number;
  readonly rows: number;
}

const SETTLE_MS = 1_500;

/** One row a request, as fast as the leader takes them, with followers that keep up as they can. */
export async function measureCost(
  thread: LoadThread,
  subject: Subject,
  followers: number,
  milliseconds: number,
): Promise<Cost> {
  await pause(SETTLE_MS);
  const before = await observe(subject);
  const { requests } = await thread.run(subject, 'insert', { milliseconds });
  await pause(SETTLE_MS);
  const after = await observe(subject);
  return {
    leader: (after.leaderRowsWritten - before.leaderRowsWritten) / requests,
    follower: (after.followerRowsWritten - before.followerRowsWritten) / requests / followers,
    rows: requests,
  };
}

export async function observe(subject: Subject): Promise<Observed> {
  return (await subject.get('/observed')) as Observed;
}

export interface CatchUp {
  readonly rows: number;
  readonly rowsPerSecond: number;
}

/** A follower is held back while the backlog is written, then let go; a read with the last token makes it pull. */
export async function measureCatchUp(
  thread: LoadThread,
  subject: Subject,
  how: { readonly region: string; readonly rows: number },
): Promise<CatchUp> {
  await hold(subject, '/hold');
  const { requests } = await thread.run(subject, 'batch', {
    milliseconds: 60_000,
    requestsMax: how.rows / BATCH_ROWS,
  });
  await hold(subject, '/release');
  const begun = performance.now();
  while (!(await reached(subject, how.region))) await pause(2);
  const rows = requests * BATCH_ROWS;
  return { rows, rowsPerSecond: (rows * 1000) / (performance.now() - begun) };
}

async function hold(subject: Subject, path: '/hold' | '/release'): Promise<void> {
  const response = await fetch(new URL(path, subject.url));
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
}

/** True once the follower itself, and not the leader in its place, shows the last row. */
async function reached(subject: Subject, region: string): Promise<boolean> {
  const response = await fetch(new URL(subject.path, subject.url), {
    method: 'POST',
    headers: [
      ['content-type', 'application/json'],
      ['prefer', 'wait=10'],
      ...headerPairs(subject.headers(region)),
    ],
    body: JSON.stringify({ sql: 'SELECT count(*) FROM bench' }),
  });
  const answer = (await response.json()) as {
    readonly receipt?: { readonly role: string };
    readonly results?: readonly { readonly rows: readonly unknown[][] }[];
  };
  if (!response.ok)
    throw new Error(`a read that waits was answered ${response.status} ${JSON.stringify(answer)}`);
  return (
    answer.receipt?.role === 'follower' && Number(answer.results?.[0]?.rows[0]?.[0]) >= subject.nextId - 1
  );
}

export function headerPairs(lines: string): [string, string][] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

/** The same rows in one bare object, in transactions as large as a follower's, without a log. */
export async function measureBulk(bare: Subject, rows: number): Promise<number> {
  const chunk = 5_000;
  const texts = Array.from({ length: rows / chunk }, (_, at) => bulkRows(bare.nextId + at * chunk, chunk));
  bare.nextId += rows;
  const begun = performance.now();
  for (const body of texts) {
    const response = await fetch(new URL('/bulk', bare.url), { method: 'POST', body });
    if (!response.ok) throw new Error(`the bulk insert was answered ${response.status}`);
    await response.text();
  }
  return (rows * 1000) / (performance.now() - begun);
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
