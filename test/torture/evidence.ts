import type { PredicateId } from '../simulator/checker/check.ts';

/**
 * What in a history from the real runtime a predicate is judged by. It has no `boot`, `crash`, `apply`, `send`,
 * `durable`, `ack` or `waited`: an object cannot say that it is about to be killed.
 */
export const EVIDENCE: Readonly<Record<PredicateId, string>> = {
  I1: 'the order of the journal; the log in every file',
  I2: 'the log in every file',
  I3: 'the log in every file',
  I4: 'the logs in all files, against each other',
  I5: 'nothing: only the leader’s log is read as made by it',
  I6: 'nothing: there is one epoch',
  I7: 'every acknowledged write is in the journal where it was acknowledged; nothing of what was durable when',
  I8: 'every entry has one row in the journal, of an operation that was invoked',
  I10: 'what ended in fail is not in the journal',
  I11: 'totals of accounts in reads; the journal replayed in the model',
  K2: 'nothing: no client uses a key twice',
  K1: 'one entry a key; requests sent again are answered alike',
  S1: 'digests after each kill and at rest; digests of the files',
  S2: 'nothing: no snapshot is installed',
  S3: 'nothing: no snapshot is installed',
  S5: 'digests of a replica that stood still; the running one against its file',
  S6: 'quick_check and foreign_key_check of every file',
  T1: 'every read of a session, or of a user',
  T2: 'every read of a session',
  T3: 'every write of a session',
  T4: 'every write of a session',
  T5: 'the rows of every read, against the journal replayed in the model',
  T6: 'the same, at the position in the receipt',
  T7: 'the token of every answer',
  T9: 'how long each operation took, and at what position reads ended; nothing of how long a follower waited',
  ST: 'the receipts of bounded reads, against what they allow; not whether a receipt is right',
  SD: 'nothing: the database is async, so that all is settled at once',
  RT: 'nothing: the log is smaller than what always stays',
  F6: 'replication status, final reads, and the files',
  LIN: 'strong reads and writes of registers, in the clients’ own order',
  CYC: 'lists, in the sessions’ order',
};
