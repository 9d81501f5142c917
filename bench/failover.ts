import type { BenchRun } from './measure.ts';
import { Cluster, isLevel } from './cluster.ts';
import { pause } from './replication.ts';
import { atMost, type Line, plain, say } from './report.ts';

const REGIONS = ['weur', 'enam', 'apac'] as const;
const ROUNDS = 5;
/** How long a message between objects and its answer take together, so that round trips can be counted. */
const ROUND_TRIP_MS = 100;
const WRITERS = 4;
const DETECTION_SECONDS = 5;

/** How long nobody's write was acknowledged while the leader moved, or was gone. */
export async function measureFailover({ systems }: BenchRun): Promise<Line[]> {
  const url = systems.urls.observed;
  say('planned failovers');
  const near = await planned(url, 'near', 0);
  const far = await planned(url, 'far', ROUND_TRIP_MS);
  say('a forced failover');
  const forced = await afterDeath(url, 'gone', async (cluster) => {
    await cluster.subject.call('POST', '/failover', { mode: 'forced' });
  });
  say('an automatic failover');
  const automatic = await afterDeath(url, 'alone', async (cluster) => {
    await cluster.until('another leads', ({ epoch }) => epoch > 1);
  });
  return [
    plain('no writes during a planned failover, all on one machine', median(near), 'ms', spread(near)),
    {
      ...plain(
        `… with ${ROUND_TRIP_MS} ms between objects`,
        median(far),
        'ms',
        `${spread(far)}; ${WRITERS} writers, from the last acknowledgement of the old leader to the first of the new one`,
      ),
      target: atMost('round trips more than without', (median(far) - median(near)) / ROUND_TRIP_MS, 3),
    },
    plain(
      'no writes after the leader is gone, forced at once',
      forced / 1000,
      's',
      'the lease must be over first',
    ),
    plain(
      'no writes after the leader is gone, automatic',
      automatic / 1000,
      's',
      `detection time ${DETECTION_SECONDS} s`,
    ),
  ];
}

async function planned(url: URL, database: string, roundTripMs: number): Promise<number[]> {
  const cluster = await made(url, database);
  const gaps: number[] = [];
  await cluster.subject.get(`/slow?numbers=${roundTripMs}`);
  for (let round = 1; round <= ROUNDS; round++) {
    const writing = new Writing(cluster);
    await pause(1_000);
    const to = REGIONS[round % REGIONS.length];
    await cluster.subject.call('POST', '/failover', { mode: 'planned', to });
    await pause(1_000);
    gaps.push(await writing.longestGap());
  }
  await cluster.subject.get('/slow?numbers=0');
  return gaps;
}

/** What is measured begins with the death, and ends with the first write that is acknowledged after it. */
async function afterDeath(
  url: URL,
  database: string,
  failOver: (cluster: Cluster) => Promise<void>,
): Promise<number> {
  const cluster = await made(url, database);
  const writing = new Writing(cluster);
  await pause(1_000);
  await cluster.subject.get('/dead?regions=weur');
  await failOver(cluster);
  await pause(1_000);
  const gap = await writing.longestGap();
  await cluster.subject.get('/dead');
  await cluster.until('the old leader follows', isLevel);
  return gap;
}

async function made(url: URL, database: string): Promise<Cluster> {
  const [, ...followers] = REGIONS;
  const cluster = await Cluster.make(url, database, followers);
  await cluster.subject.call('PATCH', '', { automatic_failover_seconds: DETECTION_SECONDS });
  await cluster.fill(100);
  return cluster;
}

/** Writes one after the other, by several writers, each with a key, so that it may try again whatever it is told. */
class Writing {
  readonly #cluster: Cluster;
  readonly #acknowledged: number[] = [];
  readonly #writers: readonly Promise<void>[];
  #isOver = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#writers = Array.from({ length: WRITERS }, () => this.#write());
  }

  /** In milliseconds, of all writers together. */
  async longestGap(): Promise<number> {
    this.#isOver = true;
    await Promise.all(this.#writers);
    const times = this.#acknowledged.toSorted((a, b) => a - b);
    return Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time)));
  }

  async #write(): Promise<void> {
    const { subject } = this.#cluster;
    while (!this.#isOver) {
      const id = subject.nextId++;
      const key = `${subject.name}-${id}`;
      while (!this.#isOver && !(await this.#isDone(id, key))) await pause(20);
    }
  }

  async #isDone(id: number, key: string): Promise<boolean> {
    const body = { sql: "INSERT INTO items VALUES (?, 'a', 'b')", params: [id] };
    const { status } = await this.#cluster.subject.send(body, { 'Idempotency-Key': key });
    if (status === 200) this.#acknowledged.push(performance.now());
    return status === 200;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function spread(values: readonly number[]): string {
  return `${values.map((value) => Math.round(value)).join(', ')} ms`;
}
