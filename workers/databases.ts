import { refuse } from '../shared/failure.ts';
import { parseChangeBody, parseSettingsBody, type SettingsBody, toMs } from '../shared/protocol/bodies.ts';
import { MEMBERS_MIN } from '../shared/protocol/durability.ts';
import type { CreateReply, DatabaseRecord } from '../shared/protocol/directory.ts';
import type { Settings } from '../shared/protocol/settings.ts';
import type { Region } from '../shared/regions.ts';
import { readBody } from './body.ts';
import { addName, listNames, removeName } from './catalog.ts';
import { within } from './deadline.ts';
import { change, CHANGE_WAIT_MS } from './change.ts';
import { describeDatabase, describeSettings } from './describe.ts';
import type { EdgeContext } from './env.ts';
import { orUnavailable } from './failure.ts';
import { nearestRegion, placeOf } from './placement.ts';
import { databaseName, databaseNotFound, dropRecord, forgetRecord, lookUp } from './records.ts';

export async function putDatabase(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  const place = placeOf(c.env, c.req.raw);
  const given = parseSettingsBody((await readBody(c.req.raw)).text);
  const settings = settingsFrom(given, () => nearestRegion(place, given.followers ?? []));
  c.set('mayHaveApplied', true);
  const directory = c.env.DIRECTORY.getByName(database, { locationHint: settings.leader });
  const reply = await within(CHANGE_WAIT_MS, directory.create(database, settings));
  c.get('session').begin(reply.record);
  if (!isAsGiven(reply, given, settings)) return databaseExists(reply.record);
  // After the database, and again when it existed: a try that stopped in between is made whole by the next.
  await addName(c, database);
  forgetRecord(database);
  return c.json(describeDatabase(reply.record), reply.kind === 'created' ? 201 : 200);
}

export async function getDatabase(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  return c.json(describeDatabase(record));
}

/** Changes what can be changed of a database that is there. */
export async function patchDatabase(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  const automatic_failover_ms = parseChangeBody((await readBody(c.req.raw)).text);
  const record = await change(c, database, (directory) => directory.configure(automatic_failover_ms));
  return c.json(describeDatabase(record));
}

export async function listDatabases(c: EdgeContext): Promise<Response> {
  const names = await orUnavailable(c, listNames(c));
  return c.json({ databases: names.map((database) => ({ database })) });
}

export async function deleteDatabase(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  c.set('mayHaveApplied', true);
  const wasThere = await within(CHANGE_WAIT_MS, c.env.DIRECTORY.getByName(database).erase());
  // Also when it was not there: the try that erased it may have stopped here.
  await removeName(c, database);
  dropRecord(database);
  return wasThere ? c.body(null, 204) : databaseNotFound(database);
}

/** @throws Refusal `invalid-request` */
function settingsFrom(given: SettingsBody, defaultLeader: () => Settings['leader']): Settings {
  const { partitions = 1, followers = [], durability = 'async', automatic_failover_seconds = null } = given;
  if (partitions !== 1) invalid('partitions must be 1: more are not supported yet');
  if (followers.length < MEMBERS_MIN[durability]) {
    invalid(
      `durability ${durability} needs at least ${MEMBERS_MIN[durability]} follower, which confirms what is written: ` +
        'name its region in followers, or ask for async',
    );
  }
  const leader = given.leader ?? defaultLeader();
  if (followers.includes(leader)) invalid(`followers must not have the leader's region ${leader} among them`);
  const automatic_failover_ms = toMs(automatic_failover_seconds);
  return { leader, followers, partitions, durability, automatic_failover_ms };
}

/**
 * A leader that the caller left open may be anywhere, so the same request from another place is not refused; nor is it after a failover, when
 * another region has the leader and the one that had it a follower.
 */
function isAsGiven({ kind, record }: CreateReply, given: SettingsBody, settings: Settings): boolean {
  if (kind !== 'differs') return true;
  if (given.leader !== undefined) return false;
  const { leader, followers, partitions, durability, automatic_failover_ms } = record.settings;
  const hasSameFailover = automatic_failover_ms === settings.automatic_failover_ms;
  const isSame = partitions === settings.partitions && durability === settings.durability;
  return isSame && hasSameFailover && isOneMoreThan([leader, ...followers], settings.followers);
}

function isOneMoreThan(all: readonly Region[], some: readonly Region[]): boolean {
  const left = [...all];
  for (const region of some) {
    const at = left.indexOf(region);
    if (at === -1) return false;
    left.splice(at, 1);
  }
  return left.length === 1;
}

function databaseExists({ database, settings }: DatabaseRecord): never {
  refuse({
    code: 'database-exists',
    detail:
      `The database ${database} exists with other settings: ${JSON.stringify(describeSettings(settings))}. ` +
      'Use it as it is, choose another name, or delete it first.',
  });
}

function invalid(what: string): never {
  return refuse({ code: 'invalid-request', detail: `${what}.` });
}
