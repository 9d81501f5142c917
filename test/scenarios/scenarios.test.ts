import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { play } from './runner.ts';

const DIRECTORY = import.meta.dirname;
const { REWRITE } = process.env;

/** `REWRITE=1 npx vitest run test/scenarios` writes down what happens now; read the difference like code. */
describe('the scenario', () => {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'));

  it.each(files)('[SM5] %s', (file) => {
    const text = readFileSync(join(DIRECTORY, file), 'utf8');
    const played = play(text);
    if (REWRITE === '1') writeFileSync(join(DIRECTORY, file), played);
    else expect(played).toBe(text);
    expect(play(played)).toBe(played);
  });
});
