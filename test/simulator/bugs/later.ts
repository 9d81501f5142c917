import type { Bug } from './bug.ts';

const FEED = 'the change feed';

function later(id: string, title: string, seen: string, needs: string): Bug {
  return { kind: 'later', id, title, seen, needs };
}

export const LATER: readonly Bug[] = [
  later('B16', 'the feed is armed after subscribing was answered', 'MongoDB', FEED),
  later('B17', 'the feed goes back in time after reconnecting', 'etcd #15271', FEED),
  {
    kind: 'elsewhere',
    id: 'B33',
    title: 'one line of SQL resets the object',
    seen: 'on this platform',
    by: 'test/unit/guard-fuzz.test.ts and test/http/guard-fuzz.test.ts',
  },
  {
    kind: 'elsewhere',
    id: 'G14',
    title: 'a read that waits is served from half a snapshot',
    seen: 'a trap of our own',
    by: 'test/unit/reads.test.ts',
  },
];
