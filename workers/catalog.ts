import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';

/** The one object that lists the databases. */
const CATALOG_NAME = 'catalog';
const CATALOG_WAIT_MS = 10_000;

/** In alphabetical order. */
export async function listNames(c: EdgeContext): Promise<readonly string[]> {
  return within(CATALOG_WAIT_MS, catalog(c).list());
}

export async function addName(c: EdgeContext, database: string): Promise<void> {
  await within(CATALOG_WAIT_MS, catalog(c).add(database));
}

export async function removeName(c: EdgeContext, database: string): Promise<void> {
  await within(CATALOG_WAIT_MS, catalog(c).remove(database));
}

function catalog(c: EdgeContext) {
  return c.env.CATALOG.getByName(CATALOG_NAME);
}
