import { CASCADE_CASES } from './cases-keys.ts';
import { SCHEMA_CASES } from './cases-schema.ts';
import { TRIGGER_CASES } from './cases-triggers.ts';
import { VALUE_CASES } from './cases-values.ts';
import { WRITE_CASES } from './cases-writes.ts';
import type { Step } from './harness.ts';

/** The list as data, for any way of running it: over the core, or over HTTP. */
export type Cases = Readonly<Record<string, readonly Step[]>>;

export const CASES: Cases = {
  ...VALUE_CASES,
  ...WRITE_CASES,
  ...CASCADE_CASES,
  ...TRIGGER_CASES,
  ...SCHEMA_CASES,
};
