import type { Leadership } from '../protocol/assignment.ts';
import type { Settings } from '../protocol/settings.ts';
import { withCounted } from './counted.ts';
import { replicasOf } from './record.ts';
import type { Made } from './store.ts';

/** Of a partition that is another one now every replica is to be told, of the rest those that were to be told before. */
export function decided(made: Made, partitions: readonly Leadership[], settings: Settings): Made {
  const { record } = made;
  const unassigned = partitions.flatMap((leadership) => {
    const names = replicasOf(leadership).map(({ name }) => name);
    const isAsBefore = record.partitions.includes(leadership);
    return isAsBefore ? names.filter((name) => made.unassigned.includes(name)) : names;
  });
  const unsettled = partitions.flatMap((leadership) => {
    const { name } = leadership.leader;
    return record.partitions.includes(leadership) && !made.unsettled.includes(name) ? [] : [name];
  });
  const counted = partitions.map((leadership, i) => withCounted(made.counted[i] ?? [], leadership));
  return {
    ...made,
    record: { ...record, settings, partitions },
    unassigned,
    unsettled,
    counted,
    attempts: 0,
  };
}

/** What the settings say of leader and followers once a failover has changed them. */
export function settingsAfter(settings: Settings, partitions: readonly Leadership[]): Settings {
  const [shown] = partitions;
  if (shown === undefined) return settings;
  return { ...settings, leader: shown.leader.region, followers: shown.followers.map(({ region }) => region) };
}

/** Once its leader has confirmed that all it has is settled, only the set counts by which it counts now. */
export function withSettled(made: Made): Made {
  const counted = made.record.partitions.map((leadership, i) => {
    const { name } = leadership.leader;
    const isSettled = !made.unassigned.includes(name) && !made.unsettled.includes(name);
    return withCounted(isSettled ? [] : (made.counted[i] ?? []), leadership);
  });
  return { ...made, counted };
}
