import type { Shape } from './bodies.ts';
import type { LoadThread, Subject } from './subject.ts';

/** Requests a second: the middle of the rounds, and how far they lay apart. */
export interface Rate {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Rounds {
  readonly shape: Shape;
  readonly rounds: number;
  readonly milliseconds: number;
  /** Where reads come from; null for no region. */
  readonly region: string | null;
  /** Whether each connection is a session of its own. */
  readonly hasSessions: boolean;
}

/**
 * The subjects take turns in short rounds, so that a machine that grows slower or faster meanwhile does the
 * same to all of them; the first round only warms up.
 */
export async function alternate(
  thread: LoadThread,
  subjects: readonly Subject[],
  how: Rounds,
): Promise<Map<string, Rate>> {
  const rates = new Map<string, number[]>(subjects.map((subject) => [subject.name, []]));
  for (let round = 0; round <= how.rounds; round++) {
    for (const subject of subjects) {
      const milliseconds = round === 0 ? Math.min(500, how.milliseconds) : how.milliseconds;
      const { requests, seconds } = await thread.run(subject, how.shape, {
        milliseconds,
        headers: subject.headers(how.region),
        hasSessions: how.hasSessions,
      });
      if (round > 0) rates.get(subject.name)?.push(requests / seconds);
    }
  }
  return new Map([...rates].map(([name, values]) => [name, summary(values)]));
}

function summary(values: readonly number[]): Rate {
  const sorted = values.toSorted((left, right) => left - right);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** Of values in ascending order. */
export function quantile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
