import type { BenchRun } from './measure.ts';
import { observe } from './replication.ts';
import { type Line, plain, say } from './report.ts';
import { alternate } from './rounds.ts';
import { Subject } from './subject.ts';

const REGION = 'enam';
const COUNTS = [0, 1, 2, 3];
const ROWS = 2_000;
const SESSIONS = 96;

/** Reads with several followers in one region: what all of them together do in one thread, and how sessions spread over them. */
export async function measureSpread(run: BenchRun): Promise<Line[]> {
  say('reads with several followers in a region');
  const { systems, thread } = run;
  const subjects: Subject[] = [];
  for (const count of COUNTS) {
    const subject = new Subject(String(count), systems.urls.tidemark, `spread-${count}`);
    await subject.prepare(followers(count));
    await thread.run(subject, 'batch', { milliseconds: 20_000, requestsMax: ROWS / 50, connections: 1 });
    subjects.push(subject);
  }
  const rates = await alternate(thread, subjects, {
    ...run,
    shape: 'read',
    region: REGION,
    hasSessions: true,
  });
  const none = rates.get('0')?.median ?? Number.NaN;
  const lines = [...rates].map(([count, { median, min, max }]) =>
    plain(
      `point reads, ${count} followers in one region`,
      median,
      'reads/s',
      `${(median / none).toFixed(2)} of none; ${Math.round(min)}–${Math.round(max)}`,
    ),
  );
  return [...lines, await sessionLine(run)];
}

/** Which of three followers answered, with as many sessions as there are connections. */
async function sessionLine({ systems, thread }: BenchRun): Promise<Line> {
  const subject = new Subject('sessions', systems.urls.observed, 'sessions');
  await subject.prepare(followers(3));
  await thread.run(subject, 'batch', {
    milliseconds: 20_000,
    requestsMax: ROWS / 50,
    connections: 1,
  });
  const before = await observe(subject);
  const { requests } = await thread.run(subject, 'read', {
    milliseconds: 2_000,
    headers: subject.headers(REGION),
    connections: SESSIONS,
    hasSessions: true,
  });
  const after = await observe(subject);
  const reads = Object.entries(after.reads)
    .map(([name, count]) => ({ name, count: count - (before.reads[name] ?? 0) }))
    .filter(({ name, count }) => name.startsWith('sessions/') && count > 0);
  const parts = reads.map(({ count }) => `${Math.round((count * 100) / requests)} %`);
  return plain(
    'followers that answered, of 3',
    reads.length,
    '',
    `${SESSIONS} sessions; ${parts.join(', ')} of the reads`,
  );
}

function followers(count: number): string[] {
  return Array.from({ length: count }, () => REGION);
}
