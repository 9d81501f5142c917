import type { Statement } from '../../../shared/tables/values.ts';
import type { View } from '../model.ts';
import { statement, type Task, write } from './task.ts';

const VIEWS: Readonly<Record<View, Statement>> = {
  registers: statement('SELECT key, value FROM registers ORDER BY key'),
  items: statement('SELECT op FROM items ORDER BY id'),
  accounts: statement('SELECT id, balance FROM accounts ORDER BY id'),
  lists: statement('SELECT list, value FROM lists ORDER BY id'),
  pairs: statement('SELECT n, what FROM pairs ORDER BY id'),
  bulk: statement('SELECT count(*), coalesce(sum(id), 0) FROM bulk'),
};

export function readViews(views: readonly View[], waitMs: number): Task {
  return { ...write(views.map((view) => VIEWS[view])), kind: 'read', views, waitMs };
}
