import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LeaderClock } from '../../shared/follower/clock.ts';

const ms = fc.integer({ min: 0, max: 100_000 });

it('[ST1] staleness is an upper bound, however far the two clocks are apart', () => {
  const history = fc.record({
    offset: fc.integer({ min: -1_000_000, max: 1_000_000 }),
    began: ms,
    // At `asked` the follower reads its clock; at `made` the leader, at its own time, makes a message; at `came` it arrives.
    messages: fc.array(fc.record({ wait: ms, way: ms, back: ms, isExchange: fc.boolean() }), {
      maxLength: 20,
    }),
    later: ms,
  });
  fc.assert(
    fc.property(history, ({ offset, began, messages, later }) => {
      const leaderTime = (now: number) => now + offset;
      const clock = new LeaderClock(began);
      // The last moment, by the follower's clock, at which the leader was surely no further than the follower.
      let truth = began;
      let now = began;
      for (const { wait, way, back, isExchange } of messages) {
        const asked = now + wait;
        const made = asked + way;
        const came = made + back;
        if (isExchange) clock.exchanged(asked, leaderTime(made));
        clock.caughtUp(clock.knownThen(leaderTime(made), came));
        truth = Math.max(truth, made);
        now = came;
        expect(clock.stalenessMs(now + later)).toBeGreaterThanOrEqual(now + later - truth);
      }
    }),
  );
});

it('[ST1] and after one exchange no looser than the exchange took', () => {
  const clock = new LeaderClock(0);
  clock.exchanged(1000, 501_030);
  clock.caughtUp(clock.knownThen(501_030, 1060));
  expect(clock.stalenessMs(1060)).toBe(60);
  clock.caughtUp(clock.knownThen(502_000, 2000));
  expect(clock.stalenessMs(2000)).toBe(30);
});

it('[ST2] a message without an exchange says nothing of how old it is', () => {
  const clock = new LeaderClock(700);
  clock.caughtUp(clock.knownThen(5_000_000, 1000));
  expect(clock.stalenessMs(1000)).toBe(300);
});
