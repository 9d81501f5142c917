import { importMain } from './import/main.ts';

process.exitCode = await importMain({
  args: process.argv.slice(2),
  environment: process.env,
  screen: {
    isTTY: process.stdout.isTTY,
    columns: process.stdout.columns ?? 80,
    write: (text) => process.stdout.write(text),
  },
  complain: (text) => process.stderr.write(text),
});
