import { bodyOf } from './bodies.ts';
import { Connection, post } from './http.ts';
import { quantile } from './rounds.ts';
import type { LoadThread, Subject } from './subject.ts';

export interface Visibility {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What one poll takes at this load: no time shorter than this can be seen. */
  readonly pollP50Ms: number;
  readonly samples: number;
}

/** Keys of the probes' rows, far from those of the load. */
const PROBE_IDS = 1_000_000_000;

/**
 * From the acknowledgement of a write to the moment when every follower has shown its row, while half of the
 * rate that the leader can take goes on beside it.
 */
export async function measureVisibility(
  thread: LoadThread,
  subject: Subject,
  how: { readonly regions: readonly string[]; readonly rate: number; readonly milliseconds: number },
): Promise<Visibility> {
  const load = thread.run(subject, 'insert', { milliseconds: how.milliseconds, rate: how.rate });
  const writer = await Connection.open(subject.url);
  const readers = await Promise.all(how.regions.map(() => Connection.open(subject.url)));
  const until = performance.now() + how.milliseconds - 500;
  const delays: number[] = [];
  const polls: number[] = [];
  for (let id = PROBE_IDS; performance.now() < until; id++) {
    const written = await writer.send(post(subject.path, subject.headers(null), bodyOf('insert', id)));
    if (written.status !== 200)
      throw new Error(`the probe's write was answered ${written.status} ${written.body.toString()}`);
    const acknowledged = performance.now();
    await Promise.all(
      readers.map((reader, at) => seen({ reader, subject, region: how.regions[at] ?? '', id, polls })),
    );
    delays.push(performance.now() - acknowledged);
    await new Promise((done) => setTimeout(done, 5));
  }
  await load;
  for (const connection of [writer, ...readers]) connection.close();
  const sorted = delays.toSorted((left, right) => left - right);
  const sortedPolls = polls.toSorted((left, right) => left - right);
  return {
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    pollP50Ms: quantile(sortedPolls, 0.5),
    samples: sorted.length,
  };
}

async function seen(probe: {
  readonly reader: Connection;
  readonly subject: Subject;
  readonly region: string;
  readonly id: number;
  readonly polls: number[];
}): Promise<void> {
  const { reader, subject, region, id, polls } = probe;
  const request = post(
    subject.path,
    `${subject.headers(null)}tidemark-region: ${region}\r\ntidemark-consistency: eventual\r\n`,
    bodyOf('read', id),
  );
  for (;;) {
    const begun = performance.now();
    const answer = await reader.send(request);
    polls.push(performance.now() - begun);
    if (answer.status !== 200)
      throw new Error(`a follower's read was answered ${answer.status} ${answer.body.toString()}`);
    if (answer.body.includes('"rows":[[')) return;
  }
}
