import { readFileSync } from 'node:fs';
import { toEpoch, toLsn } from '../shared/lsn.ts';
import type { Shape } from './bodies.ts';
import type { BenchRun } from './measure.ts';
import type { Line } from './report.ts';
import { quantile } from './rounds.ts';
import { STEP_KEYS, STEP_SCOPE, STEPS, WRITE_STEPS } from './steps.ts';
import { Subject } from './subject.ts';

const TOKEN = STEP_KEYS.sign(STEP_SCOPE, new Map([[0, { epoch: toEpoch(1), lsn: toLsn(1) }]]));

const ROUND_MS = 400;
const REGION = 'enam';
const KEYS_APART = 10_000_000;
const BARE = STEPS.bare;
const TIDEMARK = 'Tidemark, all of it';

/** What each duty of the contract costs on top of a bare object, and how near to that Tidemark is. Linux only. */
export async function measureLadder(run: BenchRun): Promise<Line[]> {
  const alone = new Subject(TIDEMARK, run.systems.urls.tidemark, 'ladder-alone');
  await alone.prepare([]);
  const writing = [...stepsOf(run, STEPS), ...stepsOf(run, WRITE_STEPS)];
  await prepare(writing);
  const inserts = await climb(run, 'insert', [...writing, alone]);
  const replicated = new Subject(TIDEMARK, run.systems.urls.tidemark, 'ladder');
  await replicated.prepare([REGION]);
  await run.thread.run(replicated, 'insert', { milliseconds: ROUND_MS });
  const reading = stepsOf(run, STEPS);
  for (const subject of reading) subject.nextId = replicated.nextId;
  return [...inserts, ...(await climb(run, 'read', [...reading, replicated]))];
}

function stepsOf({ systems }: BenchRun, steps: Readonly<Record<string, string>>): Subject[] {
  return Object.entries(steps).map(([step, what]) => new Subject(what, systems.urls.ladder, step));
}

/** The steps that do not capture share one table, which the first makes, and must not insert a key twice. */
async function prepare(subjects: readonly Subject[]): Promise<void> {
  for (const [at, subject] of subjects.entries()) {
    if (at === 0) await subject.prepare(null);
    if (at >= Object.keys(STEPS).length) await subject.capture();
    subject.nextId += at * KEYS_APART;
  }
}

async function climb(
  { thread, rounds }: BenchRun,
  shape: Shape,
  subjects: readonly Subject[],
): Promise<Line[]> {
  const times = new Map<string, number[]>(subjects.map((subject) => [subject.name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const subject of shuffled(subjects)) {
      const begun = runtimeMs();
      const { requests } = await thread.run(subject, shape, {
        milliseconds: ROUND_MS,
        headers: headersOf(subject),
      });
      if (round > 0) times.get(subject.name)?.push(((runtimeMs() - begun) * 1000) / requests);
    }
  }
  return linesOf(shape, times);
}

function linesOf(shape: Shape, times: ReadonlyMap<string, readonly number[]>): Line[] {
  const middle = (name: string) =>
    quantile(
      (times.get(name) ?? []).toSorted((a, b) => a - b),
      0.5,
    );
  return [...times.keys()].map((name) => ({
    what: `${shape}: ${name === BARE || name === TIDEMARK ? name : `+ ${name}`}`,
    value: middle(name),
    unit: 'µs',
    target: null,
    note: `${(middle(BARE) / middle(name)).toFixed(2)} of bare`,
  }));
}

function shuffled<T>(all: readonly T[]): T[] {
  return all
    .map((one) => [Math.random(), one] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, one]) => one);
}

/** A step is sent a token also where none of its answers gave one. */
function headersOf(subject: Subject): string {
  const headers = subject.headers(REGION);
  return subject.token === null && subject.name !== TIDEMARK
    ? `${headers}tidemark-session: ${TOKEN}\r\n`
    : headers;
}

const MS_PER_TICK = 10;

/** What the runtime, a child of this process, has had of the processors since it began, in milliseconds. */
function runtimeMs(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ');
  const ticks = children.map((pid) => {
    const [, name, numbers = ''] = /\((.*)\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    const fields = numbers.split(' ');
    return name === 'workerd' ? Number(fields[11]) + Number(fields[12]) : 0;
  });
  const sum = ticks.reduce((total, one) => total + one, 0);
  if (sum === 0) throw new Error('the runtime is no child of this process');
  return sum * MS_PER_TICK;
}
