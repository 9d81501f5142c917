import { CREATE_ITEMS, FILL_ITEMS } from './bodies.ts';
import { headerPairs, pause } from './replication.ts';
import { Subject } from './subject.ts';

export interface FollowerSeen {
  readonly region: string;
  readonly replica: string;
  readonly membership: string;
  readonly state: string;
  readonly detail: string | null;
  readonly applied: { readonly lsn: number } | null;
  readonly lag_entries: number | null;
  readonly waiting: number | null;
  readonly database_bytes: number | null;
  readonly log_bytes: number | null;
}

export interface Seen {
  readonly epoch: number;
  readonly leader: {
    readonly lsn: number;
    readonly settled: number;
    readonly held: number;
    readonly database_bytes: number;
    readonly log_bytes: number;
    readonly log_after: number;
  };
  readonly followers: readonly FollowerSeen[];
}

/** In one transaction. */
const FILL_ROWS = 5_000;
const WAIT_MS_MAX = 120_000;

/** A database of items, and its followers as they come and go. */
export class Cluster {
  readonly subject: Subject;

  private constructor(subject: Subject) {
    this.subject = subject;
  }

  static async make(url: URL, database: string, followers: readonly string[]): Promise<Cluster> {
    const subject = new Subject(database, url, database);
    await subject.prepare(followers, CREATE_ITEMS);
    return new Cluster(subject);
  }

  /** The first so many rows; the followers have them too when this is done. */
  async fill(rows: number): Promise<void> {
    for (let from = 1; from <= rows; from += FILL_ROWS)
      await this.subject.query({ sql: FILL_ITEMS, params: [from, Math.min(rows, from + FILL_ROWS - 1)] });
    this.subject.nextId = rows + 1;
    await this.until('the followers have the rows', isLevel);
  }

  async add(region: string): Promise<void> {
    await this.subject.call('POST', '/followers', { region });
  }

  /** Members change one at a time, each change known to the leader before the next: an answer of 503 asks to try again. */
  async remove(region: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return void (await this.subject.call('DELETE', `/followers/${region}`, null));
      } catch (error) {
        if (tries === 50 || !String(error).includes(' 503 ')) throw error;
        await pause(100);
      }
    }
  }

  async seen(): Promise<Seen> {
    const { partitions } = (await this.subject.call('GET', '/replication', null)) as { partitions: Seen[] };
    const [seen] = partitions;
    if (seen === undefined) throw new Error(`${this.subject.name} has no partition`);
    return seen;
  }

  /** Looks at the status every so often until it is as wanted. */
  async until(what: string, isSo: (seen: Seen) => boolean, everyMs = 50): Promise<Seen> {
    const end = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const seen = await this.seen();
      if (isSo(seen)) return seen;
      if (performance.now() > end)
        throw new Error(`not seen in time: ${what}; the status is ${JSON.stringify(seen)}`);
      await pause(everyMs);
    }
  }

  /** How many rows have keys from `from` to `to`, as the replica of that region says. */
  async count(
    region: string,
    from: number,
    to: number,
  ): Promise<{ readonly role: string; readonly count: number }> {
    const response = await fetch(new URL(this.subject.path, this.subject.url), {
      method: 'POST',
      headers: [...headerPairs(this.subject.headers(region)), ['content-type', 'application/json']],
      body: JSON.stringify({
        sql: 'SELECT count(*) FROM items WHERE id BETWEEN ? AND ?',
        params: [from, to],
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`a count was answered ${response.status} ${text}`);
    const answer = JSON.parse(text) as {
      receipt: { role: string; region: string };
      results: [{ rows: [[number]] }];
    };
    const { role, region: by } = answer.receipt;
    return { role: by === region ? role : `${role} in ${by}`, count: answer.results[0].rows[0][0] };
  }

  async digest(replica: string): Promise<{ readonly lsn: number; readonly sha256: string }> {
    const answer = await this.subject.call('GET', `/digest?partition=0&replica=${replica}`, null);
    const { position, sha256 } = answer as { position: { lsn: number }; sha256: string };
    return { lsn: position.lsn, sha256 };
  }
}

export function follower(seen: Seen, region: string): FollowerSeen | undefined {
  return seen.followers.find((one) => one.region === region);
}

export function isStreamingMember(one: FollowerSeen | undefined): boolean {
  return one?.state === 'streaming' && one.membership === 'member';
}

/** Whether every follower has all that the leader has. */
export function isLevel({ leader, followers }: Seen): boolean {
  return followers.every((one) => isStreamingMember(one) && one.applied?.lsn === leader.lsn);
}
