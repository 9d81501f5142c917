import { present } from '../../shared/assert.ts';
import { decodeEntry } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { LSN_ZERO } from '../../shared/lsn.ts';
import { all, run } from '../../shared/ports.ts';
import { showPosition } from '../../shared/position.ts';
import { DURABILITIES } from '../../shared/protocol/settings.ts';
import { isRegion } from '../../shared/regions.ts';
import { digest } from '../../shared/tables/digest.ts';
import { LOG_LIMITS } from '../../shared/limits.ts';
import { TIME_ZERO } from '../simulator/clock.ts';
import type { Host } from '../simulator/host.ts';
import type { Envelope } from '../simulator/messages.ts';
import { showEnvelope } from './shown.ts';
import { parsePosition, type Stage } from './stage.ts';

/** A command's words after its name; `text` is all of them as they were written. */
export interface Words {
  readonly words: readonly string[];
  readonly text: string;
}

type Command = (stage: Stage, words: Words) => void;

/** README.md explains each. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  write: (stage, { text }) => stage.write(statementsOf(text), leaderOf(stage)),

  'write-once': (stage, { words, text }) => stage.write(statementsOf(after(text, words[0])), leaderOf(stage), { key: words[0] ?? '' }),

  'write-as': (stage, { words, text }) => {
    const durability = present(DURABILITIES.find((one) => one === words[0]), 'a durability');
    stage.write(statementsOf(after(text, words[0])), leaderOf(stage), { durability });
  },

  'write-at': (stage, { words, text }) => stage.write(statementsOf(after(text, words[0])), words[0] ?? ''),

  lease: (stage, { words }) => void (stage.grantsLeases = words[0] !== 'off'),
  succeed: (stage, { words }) => stage.succeed(words[0] === 'nobody' ? null : (words[0] ?? '')),
  lead: (stage, { words: [name = '', mode, ...told] }) =>
    stage.lead(name, mode === 'planned' ? 'planned' : 'forced', told.length === 0 ? [...stage.hosts].map(({ self }) => self.name) : told),
  tell: (stage, { words }) => stage.tell(words[0] ?? ''),
  fence: (stage, { words: [name = '', epoch = ''] }) => stage.fence(name, Number(epoch)),

  add: (stage, { words }) => {
    const [region = ''] = words;
    if (!isRegion(region)) throw new Error(`not a region: ${region}`);
    stage.add(region);
  },
  promote: (stage, { words }) => stage.promote(words[0] ?? ''),
  remove: (stage, { words }) => stage.remove(words[0] ?? ''),

  read: (stage, { words, text }) => {
    const to = words[0] ?? '';
    const option = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
    const need = option('need');
    const sql = text.slice(text.search(/\b(?:SELECT|WITH|INSERT)\b/));
    stage.read(statementsOf(sql), to, { need: need === null ? null : parsePosition(need), wait_ms: Number(option('wait') ?? 0) });
  },

  deliver: (stage, { words }) => {
    for (const envelope of stage.take(meant(stage, words))) stage.deliver(envelope);
  },

  /** Until nothing is on its way, and what was gathering has gone. */
  settle: (stage) => {
    do {
      while (stage.wire.length > 0) for (const envelope of stage.take(() => true)) stage.deliver(envelope);
    } while (stage.skipTo(LOG_LIMITS.gatherMs));
  },

  drop: (stage, { words }) => {
    for (const envelope of stage.take(meant(stage, words))) stage.say(`lost: ${showEnvelope(envelope)}`);
  },

  break: (stage, { words }) => {
    for (const envelope of stage.take(meant(stage, words))) {
      if (envelope.kind === 'call') stage.deliver({ kind: 'reply', id: envelope.id, from: envelope.to, to: envelope.from, reply: null });
      else stage.deliver({ ...envelope, reply: null });
    }
  },

  /** Delivers and leaves a copy on the wire. */
  repeat: (stage, { words }) => {
    for (const envelope of stage.wire.filter(meant(stage, words))) stage.deliver(envelope);
  },

  wire: (stage) => {
    for (const [i, envelope] of stage.wire.entries()) stage.say(`${i + 1}. ${showEnvelope(envelope)}`);
  },

  crash: (stage, { words }) => hostOf(stage, words).crash(),
  restart: (stage, { words }) => hostOf(stage, words).restart(),
  evict: (stage, { words }) => hostOf(stage, words).evict(),

  'slow-disk': (stage, { words }) => void (stage.props(words[0] ?? '').slowDisk = true),

  flush: (stage, { words }) => {
    stage.props(words[0] ?? '').slowDisk = false;
    hostOf(stage, words).flush();
  },

  'fail-next-step': (stage, { words }) => void (stage.props(words[0] ?? '').failNextStep = true),

  advance: (stage, { words }) => {
    stage.advance(milliseconds(words[0] ?? ''));
  },

  status: (stage) => {
    for (const host of stage.hosts) stage.say(statusOf(host));
  },

  log: (stage, { words }) => {
    const { storage } = hostOf(stage, words);
    const entries = new Log(storage).readAfter(LSN_ZERO, { entries: Infinity, chars: Infinity });
    if (entries === null) stage.say(`the log begins after ${new Log(storage).start.lsn}`);
    for (const { text } of entries ?? []) {
      const { position, request, changes } = decodeEntry(text);
      const key = request === null ? '' : ` (key ${request.id})`;
      stage.say(`${showPosition(position)}${key} ${changes.map((line) => line.replaceAll('\t', ' ').trim()).join(' | ')}`);
    }
  },

  digests: (stage) => {
    const hosts = [...stage.hosts].filter(({ isUp }) => isUp);
    const digests = new Set(hosts.map(({ storage }) => digest(storage)));
    stage.say(digests.size === 1 ? 'equal' : 'different');
  },

  /** Straight into a replica's SQLite, past everything: for doing harm by hand. */
  disk: (stage, { words, text }) => {
    const { storage } = hostOf(stage, words);
    const sql = after(text, words[0]);
    if (sql.startsWith('SELECT')) for (const row of all(storage, sql)) stage.say(JSON.stringify(row));
    else run(storage, sql);
  },
};

function statusOf(host: Host): string {
  const { name } = host.self;
  if (!host.isUp) return `${name}: down`;
  const alarm = host.alarm === null ? 'no alarm' : `alarm at ${host.alarm - TIME_ZERO} ms`;
  const { core } = host;
  if (core.role === 'leader') return `${name}: leader at ${showPosition(core.leader.position)}, ${alarm}`;
  if (core.role === 'none') return `${name}: nothing`;
  return `${name}: follower at ${showPosition(core.follower.applied)}, ${core.follower.state}`;
}

/** No words: all messages. `enam`: those to enam. `#2`: the second, counted as `wire` shows them. */
function meant(stage: Stage, words: readonly string[]): (envelope: Envelope) => boolean {
  if (words.length === 0) return () => true;
  const chosen = words.map((word) => (word.startsWith('#') ? present(stage.wire[Number(word.slice(1)) - 1], `message ${word}`) : word));
  return (envelope) => chosen.includes(envelope) || chosen.includes(envelope.to);
}

function hostOf(stage: Stage, words: readonly string[]): Host {
  return stage.host(words[0] ?? '');
}

function leaderOf(stage: Stage): string {
  return stage.leader;
}

function after(text: string, word = ''): string {
  return text.slice(text.indexOf(word) + word.length).trim();
}

/** Several statements, parted by `;;`, are one transaction. */
function statementsOf(text: string) {
  return text.split(';;').map((sql) => ({ sql: sql.trim(), params: [] }));
}

function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(ms|s)$/.exec(text) ?? [];
  if (unit === '') throw new Error(`not a time: ${text}`);
  return Number(digits) * (unit === 's' ? 1000 : 1);
}
