import { LOG_LIMITS } from '../../shared/limits.ts';
import { DURABILITIES } from '../../shared/protocol/settings.ts';
import { isRegion, type Region } from '../../shared/regions.ts';
import { COMMANDS } from './commands.ts';
import { Stage } from './stage.ts';

const RULE = '----';

/** One block of a scenario: what stands before its first command, its commands, and what they are to print. */
interface Block {
  readonly comment: readonly string[];
  readonly commands: readonly string[];
}

/**
 * Plays a scenario and gives its text with what the commands really print: the same text where they print what it
 * says. A scenario is blocks parted by empty lines: comments (#), commands, `----`, and what the commands print.
 */
export function play(text: string): string {
  let stage: Stage | null = null;
  try {
    const played: string[] = [];
    for (const block of blocksOf(text)) {
      const printed: string[] = [];
      for (const command of block.commands) {
        stage = begin(stage, command) ?? stage;
        printed.push(...perform(stage, command));
      }
      played.push(show(block, printed));
    }
    return `${played.join('\n\n')}\n`;
  } finally {
    stage?.close();
  }
}

function blocksOf(text: string): Block[] {
  return text.trim().split(/\n\n+/).map((block) => {
    const [head = ''] = block.split(`\n${RULE}`);
    const lines = head.split('\n');
    return { comment: lines.filter((line) => line.startsWith('#')), commands: lines.filter((line) => !line.startsWith('#')) };
  });
}

function show({ comment, commands }: Block, printed: readonly string[]): string {
  return [...comment, ...commands, ...(commands.length > 0 ? [RULE, ...printed] : [])].join('\n');
}

/** `cluster weur enam enam apac quorum pieceRowsMax=2`: the leader first, then followers; the durability and limits if they matter. */
function begin(stage: Stage | null, command: string): Stage | null {
  const [name, ...words] = command.split(' ');
  if (name !== 'cluster') return null;
  if (stage !== null) throw new Error('a scenario has one cluster');
  const durability = DURABILITIES.find((one) => words.includes(one)) ?? 'async';
  const limits = words.filter((word) => word.includes('=')).map((word) => word.split('='));
  const regions = words.filter((word) => word !== durability && !word.includes('='));
  if (!regions.every((region): region is Region => isRegion(region))) throw new Error(`not regions: ${command}`);
  const own = Object.fromEntries(limits.map(([limit = '', value]) => [limit, Number(value)]));
  return new Stage({ regions, durability, limits: { ...LOG_LIMITS, ...own } });
}

function perform(stage: Stage | null, command: string): string[] {
  if (stage === null) throw new Error('a scenario begins with `cluster LEADER FOLLOWER …`');
  const [name = '', ...words] = command.split(' ');
  const text = command.slice(name.length).trim();
  if (name === 'cluster') COMMANDS['status']?.(stage, { words, text });
  else {
    const known = COMMANDS[name];
    if (known === undefined) throw new Error(`no such command: ${command}`);
    known(stage, { words, text });
  }
  return stage.said();
}
