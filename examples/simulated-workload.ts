import { defineWorkload } from '../test/simulator/workloads/user.ts';

/**
 * Seats for three shows, sold from anywhere: `npm run simulate -- --workload examples/simulated-workload.ts`.
 * A booking and its condition are one statement, which the leader runs alone. Were they two, a query for the free
 * seats and a `next` that books, the simulator would soon find two guests that bought the last seat.
 */

const SHOWS = [1, 2, 3];
const SEATS = 40;

const FREE = `(SELECT seats FROM shows WHERE id = ?1)
  - (SELECT coalesce(sum(seats), 0) FROM bookings WHERE show = ?1)`;

export default defineWorkload({
  setup: [
    'CREATE TABLE shows (id INTEGER PRIMARY KEY, seats INTEGER NOT NULL)',
    `CREATE TABLE bookings (
      id INTEGER PRIMARY KEY, show INTEGER NOT NULL REFERENCES shows, seats INTEGER NOT NULL, guest TEXT NOT NULL)`,
    ...SHOWS.map((show) => ({ sql: 'INSERT INTO shows VALUES (?, ?)', params: [show, SEATS] })),
  ],

  operations: [
    {
      name: 'book',
      weight: 6,
      run: (random, op) => ({
        sql: `INSERT INTO bookings (show, seats, guest) SELECT ?1, ?2, ?3 WHERE ?2 <= ${FREE} RETURNING seats`,
        params: [random.pick(SHOWS), random.between(1, 4), `guest ${op}`],
      }),
      check: ([booked = []]) => (booked.length > 1 ? 'one request booked twice' : null),
    },
    {
      name: 'cancel',
      weight: 2,
      run: (random) => ({
        sql: 'DELETE FROM bookings WHERE id = (SELECT min(id) FROM bookings WHERE show = ?)',
        params: [random.pick(SHOWS)],
      }),
    },
    {
      name: 'move to another show',
      weight: 1,
      run: (random) => {
        const [from, to] = [random.pick(SHOWS), random.pick(SHOWS)];
        return {
          sql: `UPDATE bookings SET show = ?1
            WHERE id = (SELECT max(id) FROM bookings WHERE show = ?2) AND seats <= ${FREE}`,
          params: [to, from],
        };
      },
    },
    {
      name: 'free seats',
      weight: 4,
      run: (random) => ({ sql: `SELECT ${FREE}`, params: [random.pick(SHOWS)] }),
      check: (rows) => (Number(rows[0]?.[0]?.[0]) < 0 ? 'fewer than no seats are free' : null),
    },
    {
      name: 'free seats, from the leader',
      weight: 1,
      consistency: 'strong',
      run: (random) => ({ sql: `SELECT ${FREE}`, params: [random.pick(SHOWS)] }),
    },
  ],

  invariants: [
    {
      name: 'never more seats booked than there are',
      sql: `SELECT shows.id, shows.seats, sum(bookings.seats) FROM shows JOIN bookings ON bookings.show = shows.id
        GROUP BY shows.id HAVING sum(bookings.seats) > shows.seats`,
      holds: (rows) => (rows.length === 0 ? null : `overbooked: ${JSON.stringify(rows)}`),
    },
    {
      name: 'every booking is for one show and one guest',
      sql: 'SELECT count(*) - count(DISTINCT guest), count(*) - count(show) FROM bookings',
      holds: (rows) => (rows[0]?.every((count) => count === 0) === true ? null : JSON.stringify(rows)),
    },
  ],
});
