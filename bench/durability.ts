import { Cluster } from './cluster.ts';
import { middle } from './installing.ts';
import type { LoadResult } from './load.ts';
import type { BenchRun } from './measure.ts';
import { type Line, plain, say } from './report.ts';
import { quantile } from './rounds.ts';
import { Subject } from './subject.ts';

const MODES = ['async', 'semi-sync', 'quorum', 'all'] as const;
const REGIONS = ['enam', 'apac', 'oc'];
/** Few enough that nothing queues, so that what is measured is one write's way. */
const LIGHT = { rate: 40, connections: 4 };

interface Measured {
  readonly rates: number[];
  readonly fullP50: number[];
  readonly lightP50: number[];
}

/** Inserts of each durability in turn, with three followers: as many as there can be, and a few. */
export async function measureDurability({
  systems,
  thread,
  rounds,
  milliseconds,
}: BenchRun): Promise<Line[]> {
  say('durability');
  const { subject } = await Cluster.make(systems.urls.tidemark, 'durability', REGIONS);
  const all = new Map<string, Measured>(
    MODES.map((mode) => [mode, { rates: [], fullP50: [], lightP50: [] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const [mode, measured] of all) {
      const headers = `${subject.headers(null)}tidemark-durability: ${mode}\r\n`;
      const full = await thread.run(subject, 'item', { milliseconds, headers });
      const light = await thread.run(subject, 'item', { milliseconds, headers, ...LIGHT });
      if (round === 0) continue;
      measured.rates.push(full.requests / full.seconds);
      measured.fullP50.push(p50(full));
      measured.lightP50.push(p50(light));
    }
  }
  const asynchronous = middle(all.get('async')?.rates ?? []);
  return [...all].map(([mode, { rates, fullP50, lightP50 }]) =>
    plain(
      `inserts, 3 followers: ${mode}`,
      middle(rates),
      'rows/s',
      `${(middle(rates) / asynchronous).toFixed(2)} of async; p50 ${ms(fullP50)} at this rate, ${ms(lightP50)} at ${LIGHT.rate} a second`,
    ),
  );
}

/** Inserts beside those of another tree of the product, without followers and with three. */
export async function measureBefore({ systems, thread, rounds, milliseconds }: BenchRun): Promise<Line[]> {
  const lines: Line[] = [];
  for (const followers of [[], REGIONS]) {
    const subjects = [new Subject('before', systems.urls.before, `before-${followers.length}`)];
    subjects.push(new Subject('now', systems.urls.tidemark, `now-${followers.length}`));
    for (const subject of subjects) await subject.prepare(followers);
    const rates = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
        const { requests, seconds } = await thread.run(subject, 'insert', { milliseconds });
        if (round > 0) rates.get(subject.name)?.push(requests / seconds);
      }
    }
    const [before = [], now = []] = [rates.get('before'), rates.get('now')];
    const ratios = now.map((rate, at) => rate / (before[at] ?? Number.NaN));
    const what = `inserts, ${followers.length} followers`;
    lines.push(plain(`${what}: the other tree`, middle(before), 'rows/s'));
    const each = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
    lines.push(
      plain(
        `${what}: this one`,
        middle(now),
        'rows/s',
        `${middle(ratios).toFixed(3)} of the other; by round ${each}`,
      ),
    );
  }
  return lines;
}

function p50({ took }: LoadResult): number {
  return quantile(took.toSorted(), 0.5);
}

function ms(values: readonly number[]): string {
  return `${middle(values).toFixed(1)} ms`;
}
