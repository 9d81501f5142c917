import { LOG_LIMITS, type LogLimits } from './limits.ts';

/** How long the log is kept, as variables of a deployment; each may be missing. */
export interface RetentionVars {
  /** So many bytes of log always stay. */
  readonly TIDEMARK_LOG_KEPT_BYTES?: string;
  /** A follower that needs more bytes than this, or older entries, loses its claim on them. */
  readonly TIDEMARK_LOG_CLAIM_BYTES?: string;
  readonly TIDEMARK_LOG_CLAIM_SECONDS?: string;
}

const NAMES = [
  'TIDEMARK_LOG_KEPT_BYTES',
  'TIDEMARK_LOG_CLAIM_BYTES',
  'TIDEMARK_LOG_CLAIM_SECONDS',
] as const satisfies readonly (keyof RetentionVars)[];

/** What is wrong with them and what to do; null where nothing is. */
export function retentionFault(vars: RetentionVars): string | null {
  if (NAMES.every((name) => vars[name] === undefined)) return null;
  const bad = NAMES.find((name) => vars[name] !== undefined && !/^\d{1,15}$/.test(vars[name]));
  if (bad !== undefined)
    return `${bad} must be a whole number, such as 1073741824; correct it in wrangler.toml and deploy again.`;
  const { keptBytesMin, claimBytesMax } = logLimitsFrom(vars);
  if (keptBytesMin <= claimBytesMax) return null;
  return 'TIDEMARK_LOG_KEPT_BYTES must not be greater than TIDEMARK_LOG_CLAIM_BYTES; correct them in wrangler.toml and deploy again.';
}

/** Production's limits with these in place. A malformed one counts as missing: the router refuses to serve with it. */
export function logLimitsFrom(vars: RetentionVars): LogLimits {
  const whole = (name: keyof RetentionVars) => {
    const value = vars[name];
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
  };
  const seconds = whole('TIDEMARK_LOG_CLAIM_SECONDS');
  return {
    ...LOG_LIMITS,
    keptBytesMin: whole('TIDEMARK_LOG_KEPT_BYTES') ?? LOG_LIMITS.keptBytesMin,
    claimBytesMax: whole('TIDEMARK_LOG_CLAIM_BYTES') ?? LOG_LIMITS.claimBytesMax,
    claimAgeMs: seconds === null ? LOG_LIMITS.claimAgeMs : seconds * 1000,
  };
}
