/** What can be done to a message, whatever it says. */
const KINDS = ['lost', 'answer lost', 'late', 'slow', 'repeated'] as const;
type Kind = (typeof KINDS)[number];

/** Of each kind, how many messages were hit since the Worker started. */
export type Injected = Readonly<Record<Kind, number>>;

/** A message that its sender has given up arrives no later than this after it was sent. */
export const LATE_MS_MAX = 2_000;
const SLOW_MS_MAX = 300;

/** For messages of which the platform or a sender may deliver a second copy. */
export type Delivery = 'once' | 'may be repeated';

/** Stands in front of an object's methods. Chance is not seeded here: the runtime's own timing is not either. */
export class MessageFaults {
  /** The share of messages that something is done to. */
  rate = 0;
  readonly #injected: Record<Kind, number> = {
    lost: 0,
    'answer lost': 0,
    late: 0,
    slow: 0,
    repeated: 0,
  };

  get injected(): Injected {
    return this.#injected;
  }

  /** Gives the message to `handle`, or does something to it. */
  async pass<T>(delivery: Delivery, handle: () => Promise<T>): Promise<T> {
    if (Math.random() >= this.rate) return handle();
    const kinds = KINDS.filter((kind) => kind !== 'repeated' || delivery === 'may be repeated');
    const kind = kinds[Math.floor(Math.random() * kinds.length)] ?? 'lost';
    this.#injected[kind] += 1;
    switch (kind) {
      case 'lost':
        throw injectedError('the message was lost');
      case 'answer lost':
        await handle();
        throw injectedError('the answer was lost');
      case 'late':
        void sleep(Math.random() * LATE_MS_MAX)
          .then(handle)
          .catch(() => undefined);
        throw injectedError('the connection broke and the message is still on its way');
      case 'slow':
        await sleep(Math.random() * SLOW_MS_MAX);
        return handle();
      case 'repeated':
        return repeated(handle);
    }
  }
}

const MARK = 'torture: ';

export function injectedError(what: string): Error {
  return new Error(MARK + what);
}

/** Also of one that another object threw, of which only the message has come through. */
export function isInjected({ message }: Error): boolean {
  return message.includes(MARK);
}

/** Two copies, one soon after the other; the sender hears the answer to either. */
async function repeated<T>(handle: () => Promise<T>): Promise<T> {
  const answers = [handle(), sleep(Math.random() * SLOW_MS_MAX).then(handle)];
  const heard = Math.random() < 0.5 ? 0 : 1;
  const settled = await Promise.allSettled(answers);
  const answer = settled[heard];
  if (answer?.status === 'fulfilled') return answer.value;
  throw answer?.reason;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
