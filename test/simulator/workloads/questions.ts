import type { Random } from '../random.ts';
import { integer, type Rows, statement, type Task, type Workload, write } from './task.ts';
import { readViews } from './views.ts';

const WRITE = 'INSERT INTO pairs (n, what) VALUES (?, ?)';

/**
 * Questions and answers. A client answers what it has just read, in a write that names no question but by its
 * number: only the token that came with the read keeps the answer behind its question.
 */
export function questions(): Workload {
  return {
    name: 'questions',
    setup: [
      statement(
        'CREATE TABLE pairs (id INTEGER PRIMARY KEY, n INTEGER, what TEXT NOT NULL, UNIQUE (n, what))',
      ),
    ],
    views: ['pairs'],
    draw: (random, op) => (random.chance(0.4) ? ask(op) : readAndAnswer(random)),
  };
}

function ask(op: number): Task {
  return write([statement(WRITE, integer(op), 'question')], [['ask', op]]);
}

function readAndAnswer(random: Random): Task {
  const read = readViews(['pairs'], random.pick([50, 1_000]));
  return { ...read, consistency: random.pick(['session', 'session', 'eventual']), follow: answer };
}

/** The newest question that had no answer in these rows. */
function answer([rows = []]: Rows): Task | null {
  const answered = new Set(rows.filter(([, what]) => what === 'answer').map(([n]) => n));
  const open = rows.findLast(([n, what]) => what === 'question' && !answered.has(n));
  if (open === undefined) return null;
  const n = Number(open[0]);
  return write([statement(WRITE, integer(n), 'answer')], [['answer', n]]);
}
