import { BATCH_ROWS, rowsIn, type Shape } from './bodies.ts';
import { measureBulk, measureCatchUp, measureCost, observe, pause } from './replication.ts';
import { atLeast, atMost, type Line, say } from './report.ts';
import { alternate, type Rate } from './rounds.ts';
import { type LoadThread, Subject } from './subject.ts';
import type { Systems } from './systems.ts';
import { measureVisibility } from './visible.ts';

/** The Worker whose objects' files hold one row an entry and all of the log. */
export const REPLICATED = 'observed';

const REGIONS = ['enam', 'apac', 'oc'];
const READ_REGION = 'enam';
const CATCH_UP_ROWS = 100_000;
const VISIBILITY_MS = 8_000;
const IDLE_MS = 60_000;
/** Longer than what was under way needs to end: sends, and the alarm that looks after them. */
const BEFORE_IDLE_MS = 10_000;

export interface BenchRun {
  readonly systems: Systems;
  readonly thread: LoadThread;
  readonly rounds: number;
  readonly milliseconds: number;
}

interface Subjects {
  readonly bare: Subject;
  readonly d1: Subject;
  /** Tidemark with 0, 1 and 3 followers. */
  readonly tidemark: readonly Subject[];
}

/** The limit and the alternative alone, which tries the harness without Tidemark. */
export async function measureReference(run: BenchRun): Promise<Line[]> {
  return compareAll(run, { ...(await references(run)), tidemark: [] });
}

export async function measureTidemark(run: BenchRun): Promise<Line[]> {
  const { systems, thread } = run;
  const subjects = { ...(await references(run)), tidemark: [] as Subject[] };
  for (const followers of [0, 1, 3]) {
    const subject = new Subject(
      `tidemark, ${followers} followers`,
      systems.urls.tidemark,
      `followers-${followers}`,
    );
    await subject.prepare(REGIONS.slice(0, followers));
    subjects.tidemark.push(subject);
  }
  const watched = new Subject('observed', systems.urls.observed, 'watched');
  await watched.prepare(REGIONS);

  const lines = await costLines(thread, watched);
  lines.push(...(await catchUpLines(run, subjects.bare)));
  // From here on the observed Worker is left alone, and idle while the others are measured.
  await pause(BEFORE_IDLE_MS);
  const idle = await beginIdle(watched);
  lines.push(...(await compareAll(run, subjects)));
  lines.push(...(await visibilityLines(thread, subjects, lines)));
  lines.push(await idle());
  return lines;
}

async function references({ systems }: BenchRun): Promise<Pick<Subjects, 'bare' | 'd1'>> {
  const bare = new Subject('bare', systems.urls.bare, 'bare');
  const d1 = new Subject('D1', systems.urls.d1, 'd1');
  await bare.prepare(null);
  await d1.prepare(null);
  return { bare, d1 };
}

async function costLines(thread: LoadThread, watched: Subject): Promise<Line[]> {
  say('rows written');
  const cost = await measureCost(thread, watched, REGIONS.length, 3_000);
  const note = `${cost.rows} single inserts, ${REGIONS.length} followers`;
  return [
    {
      what: 'rows written at the leader per inserted row',
      value: cost.leader,
      unit: '',
      target: atMost('', cost.leader, 2),
      note,
    },
    {
      what: 'rows written at a follower per inserted row',
      value: cost.follower,
      unit: '',
      target: atMost('', cost.follower, 1.2),
      note: 'under the same load',
    },
  ];
}

async function catchUpLines({ systems, thread }: BenchRun, bare: Subject): Promise<Line[]> {
  say('catch-up');
  const behind = new Subject('observed', systems.urls.observed, 'behind');
  await behind.prepare([READ_REGION]);
  const { rows, rowsPerSecond } = await measureCatchUp(thread, behind, {
    region: READ_REGION,
    rows: CATCH_UP_ROWS,
  });
  const bulk = await measureBulk(bare, CATCH_UP_ROWS);
  const target = atLeast('of bulk', rowsPerSecond / bulk, 0.5);
  return [
    {
      what: 'plain bulk insert into a bare object',
      value: bulk,
      unit: 'rows/s',
      target: null,
      note: '5,000 rows a transaction by json_each',
    },
    {
      what: 'follower catch-up',
      value: rowsPerSecond,
      unit: 'rows/s',
      target,
      note: `${rows.toLocaleString('en-US')} rows in entries of ${BATCH_ROWS}`,
    },
  ];
}

interface Comparison {
  readonly title: string;
  readonly shape: Shape;
  readonly subjects: readonly Subject[];
  readonly region: string | null;
  /** By the subject's name: least ratios to bare and to D1. */
  readonly targets: Readonly<Record<string, { readonly bare: number; readonly d1: number }>>;
}

async function compareAll(run: BenchRun, { bare, d1, tidemark }: Subjects): Promise<Line[]> {
  const three = tidemark.filter((subject) => subject.name.includes('3'));
  const inserts = {
    'tidemark, 0 followers': { bare: 0.9, d1: 1.35 },
    'tidemark, 3 followers': { bare: 0.85, d1: 1.35 },
  };
  const reads = { 'tidemark, 3 followers': { bare: 0.9, d1: 2.2 } };
  return [
    ...(await compare(run, {
      title: 'inserts',
      shape: 'insert',
      subjects: [...tidemark, bare, d1],
      region: null,
      targets: inserts,
    })),
    ...(await compare(run, {
      title: `inserts, ${BATCH_ROWS} a transaction`,
      shape: 'batch',
      subjects: [...tidemark, bare, d1],
      region: null,
      targets: {},
    })),
    ...(await compare(run, {
      title: 'point reads',
      shape: 'read',
      subjects: [...three, bare, d1],
      region: READ_REGION,
      targets: reads,
    })),
  ];
}

async function compare(run: BenchRun, comparison: Comparison): Promise<Line[]> {
  const { title, shape, subjects, region, targets } = comparison;
  say(title);
  const rates = await alternate(run.thread, subjects, {
    shape,
    rounds: run.rounds,
    milliseconds: run.milliseconds,
    region,
    hasSessions: false,
  });
  const bare = rates.get('bare')?.median ?? Number.NaN;
  const d1 = rates.get('D1')?.median ?? Number.NaN;
  const unit = shape === 'read' ? 'reads/s' : 'rows/s';
  return [...rates].flatMap(([name, rate]) => {
    const wanted = targets[name];
    const line: Line = {
      what: `${title}: ${name}`,
      value: rate.median * rowsIn(shape),
      unit,
      target: null,
      note: spread(rate, shape),
    };
    if (wanted === undefined)
      return [
        {
          ...line,
          note: `${line.note}; ${(rate.median / bare).toFixed(2)} of bare, ${(rate.median / d1).toFixed(2)} × D1`,
        },
      ];
    return [
      { ...line, target: atLeast('of bare', rate.median / bare, wanted.bare) },
      { ...line, what: `${line.what}, beside D1`, target: atLeast('× D1', rate.median / d1, wanted.d1) },
    ];
  });
}

async function visibilityLines(
  thread: LoadThread,
  { tidemark }: Subjects,
  measured: readonly Line[],
): Promise<Line[]> {
  const three = tidemark.at(-1);
  const full = measured.find(({ what }) => what === `inserts: ${three?.name}`)?.value;
  if (three === undefined || full === undefined || full === null) return [];
  say('visibility');
  const rate = full / 2;
  const seen = await measureVisibility(thread, three, {
    regions: REGIONS,
    rate,
    milliseconds: VISIBILITY_MS,
  });
  const note = `${seen.samples} writes beside ${Math.round(rate)} inserts/s; one poll takes ${seen.pollP50Ms.toFixed(2)} ms`;
  return [
    {
      what: 'acknowledged → visible on the last of 3 followers, p50',
      value: seen.p50Ms,
      unit: 'ms',
      target: null,
      note,
    },
    {
      what: 'acknowledged → visible on the last of 3 followers, p99',
      value: seen.p99Ms,
      unit: 'ms',
      target: null,
      note: '',
    },
  ];
}

/** Begins to count; the answer waits until a minute has passed and tells what happened in it. */
async function beginIdle(watched: Subject): Promise<() => Promise<Line>> {
  const before = await observe(watched);
  const from = performance.now();
  return async () => {
    say('idle');
    await pause(Math.max(0, from + IDLE_MS - performance.now()));
    const after = await observe(watched);
    const value =
      after.requests + after.calls + after.alarms - before.requests - before.calls - before.alarms;
    const note = `over ${Math.round((performance.now() - from) / 1000)} s, beginning ${BEFORE_IDLE_MS / 1000} s after load`;
    return {
      what: 'requests, calls and alarms in an idle minute',
      value,
      unit: '',
      target: atMost('', value, 0),
      note,
    };
  };
}

function spread(rate: Rate, shape: Shape): string {
  return `${Math.round(rate.min * rowsIn(shape))}–${Math.round(rate.max * rowsIn(shape))}`;
}
