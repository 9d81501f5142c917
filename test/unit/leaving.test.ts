import { expect, it } from 'vitest';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import {
  PREFIX,
  alarm,
  assignments,
  begin,
  erased,
  leadership,
  make,
  remove,
  step,
} from './directory-steps.ts';
import { LoneLeader } from './pair.ts';

it('[FO24] what a removed member has alone besides the leader stays until another has it', () => {
  begin();
  make({ followers: ['enam', 'apac'], durability: 'semi-sync' });
  const of = leadership();
  const leader = new LoneLeader({
    ...of,
    database: 'shop',
    incarnation: 'one',
    durability: 'semi-sync',
    self: of.leader,
  });
  const confirms = (follower: string) =>
    leader.step({
      kind: 'replied',
      follower: PREFIX + follower,
      now: 1000,
      reply: { kind: 'appended', applied: leader.end, follower_now: 0, relayed: [] },
    });
  /** The leader is told again, and says how it stands. */
  const assigned = ({ self, epoch, revision }: Assignment) => {
    const reply = { epoch, revision, isSettled: leader.core.isSettled };
    return step({ kind: 'assigned', replica: self.name, reply, now: 2000 });
  };
  leader.write('INSERT INTO t VALUES (1)');
  expect(confirms('apac')).toContainEqual(expect.objectContaining({ kind: 'answer' }));

  const [newest] = assignments(remove('apac'));
  leader.step({ kind: 'reassigned', now: 1000, assignment: newest! });
  expect(erased([...assigned(newest!), ...alarm()])).toEqual([]);
  confirms('enam');
  expect(erased(assigned(newest!))).toEqual(['apac']);
});
