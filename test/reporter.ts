import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with the line `N passed, N failed`, whatever came before it. */
export default class Totals implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    // An error outside of any test, and a file that could not be loaded, count as failures too.
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        // A skipped test has shown nothing, and there are to be none.
        else failed += 1;
      }
    }
    if (passed === 0) failed = Math.max(failed, 1);
    process.exitCode = failed > 0 ? 1 : process.exitCode;
    // The default reporter's summary is written when this returns; the last line is to be this one.
    process.once('exit', () => process.stdout.write(`${passed} passed, ${failed} failed\n`));
  }
}
