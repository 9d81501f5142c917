import { assert } from './assert.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

// What the platform sets.
export const PLATFORM_ROW_BYTES_MAX = 2_000_000;
const PLATFORM_MESSAGE_BYTES_MAX = 32 * MIB;
/** Columns of a table, of a result, or set by one statement. */
export const PLATFORM_COLUMNS_MAX = 100;
/** Arguments of one SQL function. */
export const FUNCTION_ARGUMENTS_MAX = 32;

// What a request may be.
export const BODY_BYTES_MAX = 8 * MIB;
export const STATEMENTS_MAX = 1000;
export const SQL_BYTES_MAX = 100_000;
export const PARAMS_MAX = 100;
/** All results of a request together. */
export const RESULT_BYTES_MAX = 8 * MIB;
/** An answer that is kept for retries, in the log and in a row of its own. */
export const KEPT_ANSWER_BYTES_MAX = 500_000;
export const REQUEST_ID_CHARS_MAX = 255;
export const TOKEN_CHARS_MAX = 4096;
export const TOKEN_PARTITIONS_MAX = 64;
export const WAIT_MS_DEFAULT = 1000;
export const WAIT_MS_MAX = 10_000;
/** How long a write's answer may be held until the write is as durable as asked, where the request does not say. */
export const DURABILITY_WAIT_MS = 10_000;
/**
 * How long the leader may hold a read's answer at least, whatever is left of the read's wait: what was written a moment ago
 * is settled after one message to a follower and back, and without that time such reads would fail one and all.
 */
export const READ_HOLD_MS_MIN = 1000;
/** How long a request id is kept, counted by the leader's clock in later entries. */
export const REQUEST_ID_KEPT_MS = 24 * 60 * 60 * 1000;
/** So much longer ids that are forgotten are still there, for a roll back to the time when they were not. */
export const REQUEST_ID_SPARE_MS = 60 * 60 * 1000;

/** Of one database, those that are joining among them. */
export const FOLLOWERS_MAX = 20;

// What the log holds.
export const ENTRY_BYTES_MAX = 8 * MIB;
/** Rows of the log that are in memory at once while it is read; each may be as large as a row may be. */
export const LOG_PAGE_ROWS = 16;
/** What the log and its sending are cut into. Every replica must be right whatever these are; the simulator draws its own. */
export interface LogLimits {
  /** A hash is stored at least every so many entries and so much text, so a restart recomputes no more than this. */
  readonly hashedEntriesEvery: number;
  readonly hashedCharsEvery: number;
  /** A segment's text is kept in parts of so many characters: at 3 bytes each, below the row limit. */
  readonly segmentPartChars: number;
  /** What a message between replicas holds. One entry larger than the characters bound travels alone. */
  readonly batchEntriesMax: number;
  readonly batchCharsMax: number;
  /**
   * A follower that was sent something is sent more only after this: a message costs it and the leader as much
   * as dozens of rows in it, and against the way to another region it is little.
   */
  readonly gatherMs: number;
  /** Entries that the leader keeps in memory for its followers, so that it need not read them back. */
  readonly recentCharsMax: number;
  /** What one piece of a snapshot holds, and its rows; one row larger than that travels alone. */
  readonly pieceRowsMax: number;
  readonly pieceCharsMax: number;
  /** While the leader has other requests, a piece is such a part of that, and the next is asked for after so long. */
  readonly pieceBusyPart: number;
  readonly piecePauseMs: number;
  /** So much of the log always stays, also where nobody needs it. */
  readonly keptBytesMin: number;
  /** A follower, an install or a reader of the log keeps entries from being cut until they are so many bytes, or so old. */
  readonly claimBytesMax: number;
  readonly claimAgeMs: number;
  /** How much the log grows between two cuts, and how many rows one takes away at most. */
  readonly cutEveryBytes: number;
  readonly cutRowsMax: number;
}

export const LOG_LIMITS: LogLimits = {
  hashedEntriesEvery: 1024,
  hashedCharsEvery: MIB,
  segmentPartChars: 600_000,
  batchEntriesMax: 1000,
  batchCharsMax: 512 * KIB,
  gatherMs: 50,
  recentCharsMax: 2 * MIB,
  pieceRowsMax: 2000,
  pieceCharsMax: 256 * KIB,
  pieceBusyPart: 4,
  piecePauseMs: 20,
  keptBytesMin: 16 * MIB,
  claimBytesMax: 1024 * MIB,
  claimAgeMs: 7 * 24 * 60 * 60 * 1000,
  cutEveryBytes: 256 * KIB,
  cutRowsMax: 4000,
};

// What may wait at a replica at once; more is refused before it is run.
export const HELD_ANSWERS_MAX = 1000;
export const HELD_CHARS_MAX = 16 * MIB;
export const WAITING_READS_MAX = 1000;

/** How long a member that needs a snapshot keeps what it has for want of others that have it. */
export const KEEP_MS_MAX = 60_000;

/** How long a relay may take to bring a sibling what it has, before the leader sends it itself. */
export const RELAY_WAIT_MS = 2_000;

// When a follower does not answer.
export const RETRY_MS_MIN = 200;
export const RETRY_MS_MAX = 60_000;
/** The alarm that finds entries which a crash kept from being sent. */
export const SEND_CHECK_MS = 5_000;
/** A message to a replica that is not answered within this is taken as lost. */
export const SEND_TIMEOUT_MS = 30_000;

/** How long a leader may count on a lease, from the moment it asked. */
export const LEASE_MS = 10_000;
/** A leader stops so much earlier: by so much its clock may be set back, or be behind when an answer leaves that was made by it. */
export const LEASE_MARGIN_MS = 1_000;
/** How long a request may wait for a lease before it is run; longer by what an ask may take that is open then. */
export const LEASE_WAIT_MS = 5_000;
/** By which part of it the time that a clock measures may be wrong. */
export const CLOCK_RATE_ERROR = 0.01;
/** After so long on the directory's clock no clock can take a lease that it granted then for valid. */
export const LEASE_ENDS_MS = Math.ceil((LEASE_MS * (1 + CLOCK_RATE_ERROR)) / (1 - CLOCK_RATE_ERROR));

/** A replica that does not answer a question of yes or no within this counts as out of reach. */
export const PING_MS = 2_000;
/** How long a leader may take to hand over, before it goes on. */
export const PLANNED_MS = 5_000;
/** How long a forced failover waits for every member once the lease is over, although fewer would do. */
export const FENCE_WAIT_MS = 3_000;
/** How often a failover asks again what was not answered, until it asks ever less often. */
export const FAILOVER_RETRY_MS = 1_000;
/** How long a request waits for the failover that it asked for. */
export const FAILOVER_WAIT_MS = 20_000;
/** A leader's silence is believed after so many questions at least. */
export const SUSPICION_ROUNDS_MIN = 3;

assert(PLANNED_MS < FAILOVER_WAIT_MS, 'what became of a planned failover is known while its request waits');
assert(
  PING_MS + LEASE_ENDS_MS + FENCE_WAIT_MS < FAILOVER_WAIT_MS,
  'what became of a forced one is known too, where enough replicas answer',
);
assert(3 * LOG_LIMITS.segmentPartChars < PLATFORM_ROW_BYTES_MAX, 'a segment part fits a row');
assert(2 * KEPT_ANSWER_BYTES_MAX < PLATFORM_ROW_BYTES_MAX, 'a kept answer fits a row, its quotes escaped');
assert(LOG_PAGE_ROWS * PLATFORM_ROW_BYTES_MAX <= 32 * MIB, 'a page of the log fits the memory');
assert(
  ENTRY_BYTES_MAX + 2 * KEPT_ANSWER_BYTES_MAX + 3 * LOG_LIMITS.batchCharsMax < PLATFORM_MESSAGE_BYTES_MAX,
  'a batch fits a message',
);
assert(HELD_CHARS_MAX > RESULT_BYTES_MAX, 'an answer can be held');
assert(RESULT_BYTES_MAX < PLATFORM_MESSAGE_BYTES_MAX, 'a result fits a message');
assert(BODY_BYTES_MAX < PLATFORM_MESSAGE_BYTES_MAX, 'a request fits a message');
