import type { Kill } from './observed-worker.ts';
import { Cluster, follower, isLevel, isStreamingMember } from './cluster.ts';
import { ITEMS } from './installing.ts';
import type { BenchRun } from './measure.ts';
import { observe, pause } from './replication.ts';
import { type Line, plain, say } from './report.ts';
import { LoadThread, Subject } from './subject.ts';

const AWAY = 'enam';
const KILLED = ['apac', 'oc'];
const NEW_REGIONS = [...KILLED, 'sam'];
const CONSTANT_FROM = 1_000_001;
const BULK_FROM = 2_000_001;
/** Far more than the Worker's log keeps for a follower that is away. */
const BULK_ROWS = 60_000;

/** Early, in the middle and late: an install of these rows asks for about a hundred. */
const KILL_AT_PIECES = [8, 40, 80];

/** What must hold in the end; the first that does not ends the run. */
function check(what: string, isSo: boolean, seen: unknown): void {
  if (!isSo) throw new Error(`NOT SO: ${what}: ${JSON.stringify(seen)}`);
}

/**
 * Three followers are added under constant writes, two of them killed while they install and a fourth away while the log is cut:
 * all end equal, and no acknowledged write is missing.
 */
export async function prove({ systems, thread }: BenchRun): Promise<Line[]> {
  say('followers that are killed and away');
  const cluster = await Cluster.make(systems.urls.cutting, 'proof', [AWAY]);
  await cluster.fill(ITEMS);
  const writers = [writer(cluster, CONSTANT_FROM), writer(cluster, BULK_FROM)] as const;
  const [constant, bulk] = writers;
  const rate = await halfRate(thread, constant);
  const second = new LoadThread();
  try {
    const load = thread.run(constant, 'item', { milliseconds: 300_000, rate });
    await away(cluster, AWAY);
    const kills = await installAndKill(cluster);
    const cut = await writeUntilCut(cluster, second, bulk);
    await away(cluster, null);
    const states = await comesBack(cluster, cut.logAfter);
    await pause(1_000);
    thread.stop();
    const { requests } = await load;
    const digest = await allAreEqual(cluster);
    await nothingIsMissing(cluster, writers);
    const acknowledged = ITEMS + (constant.nextId - CONSTANT_FROM) + (bulk.nextId - BULK_FROM);
    return [
      plain(
        'followers killed while they installed',
        kills.length,
        '',
        kills
          .map(({ follower: name, after }) => `${name.split('/').slice(3).join('/')} after key ${after}`)
          .join(', '),
      ),
      plain(
        'log that was cut past the follower that was away',
        cut.logAfter - cut.applied,
        'entries',
        `its log ended at ${cut.applied}, the leader's began after ${cut.logAfter}; then it was ${states.join(', ')}`,
      ),
      plain(
        'acknowledged rows, all of them found on all 5 replicas',
        acknowledged,
        'rows',
        `${requests} by single inserts meanwhile, ${Math.round(rate)} a second`,
      ),
      plain(
        'replicas with one digest at one position',
        5,
        '',
        `${digest.sha256.slice(0, 16)}… at ${digest.lsn}`,
      ),
    ];
  } finally {
    await second.close();
  }
}

function writer(cluster: Cluster, from: number): Subject {
  const { name, url } = cluster.subject;
  const subject = new Subject(name, url, name);
  subject.nextId = from;
  return subject;
}

async function halfRate(thread: LoadThread, subject: Subject): Promise<number> {
  const { requests, seconds } = await thread.run(subject, 'item', { milliseconds: 2_000 });
  return requests / seconds / 2;
}

async function away(cluster: Cluster, region: string | null): Promise<void> {
  await cluster.subject.get(region === null ? '/away' : `/away?regions=${region}`);
}

async function installAndKill(cluster: Cluster): Promise<readonly Kill[]> {
  await cluster.subject.get(`/kill?regions=${KILLED.join(',')}&numbers=${KILL_AT_PIECES.join(',')}`);
  await Promise.all(NEW_REGIONS.map((region) => cluster.add(region)));
  await cluster.until('all that are new stream', (seen) =>
    NEW_REGIONS.every((region) => isStreamingMember(follower(seen, region))),
  );
  const { kills } = await observe(cluster.subject);
  for (const region of KILLED)
    check(
      `${region} was killed while it installed`,
      kills.filter((kill) => kill.follower.includes(`/${region}/`)).length === KILL_AT_PIECES.length,
      kills,
    );
  return kills;
}

async function writeUntilCut(
  cluster: Cluster,
  thread: LoadThread,
  subject: Subject,
): Promise<{ readonly applied: number; readonly logAfter: number }> {
  await thread.run(subject, 'items', { milliseconds: 120_000, requestsMax: BULK_ROWS / 50, connections: 2 });
  const isCut = ({ leader }: { readonly leader: { readonly log_after: number } }, applied: number) =>
    leader.log_after > applied;
  const seen = await cluster.until('the log is cut past the follower that is away', (one) =>
    isCut(one, follower(one, AWAY)?.applied?.lsn ?? Infinity),
  );
  return { applied: follower(seen, AWAY)?.applied?.lsn ?? Number.NaN, logAfter: seen.leader.log_after };
}

/** The states that it was seen in, in order. */
async function comesBack(cluster: Cluster, logAfter: number): Promise<string[]> {
  const states: string[] = [];
  await cluster.until(
    'the follower that was away streams again',
    (seen) => {
      const one = follower(seen, AWAY);
      if (one !== undefined && states.at(-1) !== one.state) states.push(one.state);
      // While it installs no look may come through, so that where it stands is what counts.
      return isStreamingMember(one) && (one?.applied?.lsn ?? 0) > logAfter;
    },
    10,
  );
  const { pieces } = await observe(cluster.subject);
  const copied =
    Object.entries(pieces).find(([name]) => name.startsWith('proof/') && name.endsWith(`/${AWAY}`))?.[1] ?? 0;
  check('the follower that was away copied a snapshot', copied > 1, pieces);
  return [...states, `with a snapshot of ${copied} pieces`];
}

async function allAreEqual(cluster: Cluster): Promise<{ readonly lsn: number; readonly sha256: string }> {
  const seen = await cluster.until('all followers have what the leader has', isLevel);
  const { leader, followers } = seen;
  check('nothing is held or unsettled', leader.held === 0 && leader.settled === leader.lsn, leader);
  check('four followers, all of them well', followers.length === 4, seen);
  for (const one of followers)
    check(
      'a follower has nothing to say',
      one.detail === null && one.lag_entries === 0 && one.waiting === 0,
      one,
    );
  const digests = await Promise.all(
    ['weur', ...followers.map(({ replica }) => replica)].map((one) => cluster.digest(one)),
  );
  const [first] = digests;
  check(
    'one digest at one position',
    first !== undefined && digests.every(({ lsn, sha256 }) => lsn === first.lsn && sha256 === first.sha256),
    digests,
  );
  return first ?? { lsn: Number.NaN, sha256: '' };
}

/** Keys were given out without gaps and every answer was 200, so that a count within them says that all are there. */
async function nothingIsMissing(cluster: Cluster, writers: readonly Subject[]): Promise<void> {
  const ranges = [
    { from: 1, to: ITEMS },
    ...writers.map(({ nextId }, at) => ({ from: at === 0 ? CONSTANT_FROM : BULK_FROM, to: nextId - 1 })),
  ];
  for (const region of ['weur', AWAY, ...NEW_REGIONS]) {
    for (const { from, to } of ranges) {
      const { role, count } = await cluster.count(region, from, to);
      check(`${region} itself answered`, (role === 'leader') === (region === 'weur'), { role });
      check(`${region} has what was acknowledged`, count === to - from + 1, { from, to, count });
    }
  }
}
