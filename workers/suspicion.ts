import { Lru } from '../shared/lru.ts';
import type { Suspicion } from '../shared/protocol/directory.ts';
import { inBackground } from './background.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';

/** A leader that has not answered after so long may be gone. */
export const SUSPECT_MS = 2_000;
/** One that is gone is found out by every request; its directory need not be told by each. */
const SUSPECT_EVERY_MS = 1_000;
const SUSPECT_WAIT_MS = 5_000;
const KEPT_MAX = 1000;

/** When the directory was told last, by database and partition; for as long as the isolate lives. */
const told = new Lru<string, number>(KEPT_MAX);

/** Tells the directory that the leader does not answer; whether that is so it finds out itself. Nobody waits for it. */
export function suspect(c: EdgeContext, database: string, suspicion: Suspicion): void {
  const now = Date.now();
  const key = `${database}/${suspicion.partition}`;
  const last = told.get(key);
  if (last !== undefined && last <= now && now - last < SUSPECT_EVERY_MS) return;
  told.set(key, now);
  inBackground(c, within(SUSPECT_WAIT_MS, c.env.DIRECTORY.getByName(database).suspect(suspicion)));
}
