import type { Assignment } from '../../shared/protocol/assignment.ts';
import { injectedError, sleep } from './faults.ts';

/** `broken`: the sender is told at once. `silent`: it hears nothing for as long as this lasts. `slow`: all comes, but late. */
export type CutKind = 'broken' | 'silent' | 'slow';

/** What leaves `from` does not reach `to`, be it a question or an answer. Each is a region, `router`, `directory`, or `*` for all. */
export interface Cut {
  /** Those with one label are taken away together. */
  readonly label: string;
  readonly from: string;
  readonly to: string;
  readonly kind: CutKind;
  /** In milliseconds since 1970. */
  readonly until: number;
}

/** Who was told to lead. */
export interface Told {
  readonly epoch: number;
  readonly leader: string;
}

const SLOW_MS_MAX = 1_500;

/** The links between Worker and objects. They are known by the ids of the objects, so that somebody must say who is who. */
export class Links {
  cuts: readonly Cut[] = [];
  readonly #names = new Map<string, string>();
  readonly #leaders = new Map<number, Set<string>>();
  #stopped = 0;

  /** How many messages did not come through since the Worker started. */
  get stopped(): number {
    return this.#stopped;
  }

  /** By what the directory has told replicas, also what has not reached them. One epoch with two leaders is named twice. */
  get leaders(): readonly Told[] {
    return [...this.#leaders].flatMap(([epoch, names]) => [...names].map((leader) => ({ epoch, leader })));
  }

  name(id: string, name: string): void {
    this.#names.set(id, name);
  }

  /** The objects of a namespace as `from` reaches them: an object's id, or `router`. */
  over<N>(namespace: N, from: string): N {
    const objects = namespace as unknown as DurableObjectNamespace;
    const reached = {
      idFromName: (name: string) => objects.idFromName(name),
      get: (id: DurableObjectId, options?: DurableObjectNamespaceGetDurableObjectOptions) =>
        this.#reached(from, objects.get(id, options)),
      getByName: (name: string, options?: DurableObjectNamespaceGetDurableObjectOptions) =>
        this.#reached(from, objects.getByName(name, options)),
    };
    return reached as unknown as N;
  }

  #reached(from: string, stub: DurableObjectStub): object {
    const to = stub.id.toString();
    return new Proxy(stub, {
      get: (target, method) => {
        // Whoever waits for a promise asks whether it is one.
        if (typeof method !== 'string' || method === 'then') return undefined;
        const call = Reflect.get(target, method) as (...args: readonly unknown[]) => Promise<unknown>;
        return (...args: readonly unknown[]) => {
          if (method === 'assign') this.#heard(args[0] as Assignment);
          return this.#pass(from, to, () => Reflect.apply(call, target, args));
        };
      },
    });
  }

  #heard({ epoch, leader }: Assignment): void {
    const known = this.#leaders.get(epoch) ?? new Set<string>();
    this.#leaders.set(epoch, known.add(leader.region));
  }

  async #pass<T>(from: string, to: string, call: () => Promise<T>): Promise<T> {
    await this.#cross(from, to);
    try {
      return await call();
    } finally {
      await this.#cross(to, from);
    }
  }

  /** @throws where what goes this way does not arrive */
  async #cross(from: string, to: string): Promise<void> {
    const [a, b] = [this.#names.get(from) ?? from, this.#names.get(to) ?? to];
    const now = Date.now();
    const cut = this.cuts.find(
      (one) => one.until > now && (one.from === '*' || one.from === a) && (one.to === '*' || one.to === b),
    );
    if (cut === undefined) return;
    this.#stopped += 1;
    if (cut.kind === 'slow') return sleep(Math.random() * SLOW_MS_MAX);
    // One that is taken away before its time is over has lost what was on its way all the same.
    if (cut.kind === 'silent') await sleep(cut.until - now);
    throw injectedError(`nothing goes from ${a} to ${b}`);
  }
}
