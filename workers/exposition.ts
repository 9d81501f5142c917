/** What a sample is about; the names are those of docs/operations.md. */
export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Metrics in the form in which Prometheus reads them: text format 0.0.4, each metric's samples in one group. All are gauges. */
export class Exposition {
  readonly #help: ReadonlyMap<string, string>;
  readonly #samples = new Map<string, Sample[]>();

  /** `help` says of each metric that there is what it tells. */
  constructor(help: Readonly<Record<string, string>>) {
    this.#help = new Map(Object.entries(help));
  }

  /** A value that is not known makes no sample: a 0 in its place would be a lie. */
  add(metric: string, labels: Labels, value: number | null | undefined): void {
    if (value === null || value === undefined) return;
    const samples = this.#samples.get(metric) ?? [];
    samples.push({ labels, value });
    this.#samples.set(metric, samples);
  }

  /** Of metrics without a sample too, so that a dashboard finds their names. */
  toText(): string {
    const groups = [...this.#help].map(([metric, help]) => {
      const head = `# HELP ${metric} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${metric} gauge\n`;
      return head + (this.#samples.get(metric) ?? []).map((sample) => toLine(metric, sample)).join('');
    });
    return groups.join('');
  }
}

function toLine(metric: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`);
  return `${metric}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${toNumber(value)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function toNumber(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
