import { parseArgs } from 'node:util';
import { adminKey } from './admin-key.ts';
import { PortInUse, startLocalServer, type LocalServer } from './local-server.ts';

const HELP = `npm start -- [--port 8787] [--persist-to .tidemark]

Serves Tidemark on 127.0.0.1 with storage on disk, until Ctrl-C.
TIDEMARK_ADMIN_KEY in the environment sets the admin key; else one is made and kept in .dev.vars.`;

interface Options {
  readonly port: number;
  readonly persistTo: string;
}

/** @throws Error in plain words where an option is wrong. */
function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8787' },
      'persist-to': { type: 'string', default: '.tidemark' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`not a port: ${values.port}`);
  return { port, persistTo: values['persist-to'] };
}

function welcome(url: string, key: string): string {
  const database = `${url}/v1/databases/demo`;
  const query = (headers: string, body: string) =>
    `curl -si ${database}/query -H "Authorization: Bearer ${key}" ${headers}-d '${body}'`;
  return `
Tidemark is ready.
  URL        ${url}
  admin key  ${key}

Make a database with a leader in western Europe and two followers:
  curl -s -X PUT ${database} -H "Authorization: Bearer ${key}" -d '{"leader":"weur","followers":["enam","apac"]}'

Write to it; the answer's header Tidemark-Session is the token:
  ${query('', '{"statements":[{"sql":"CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)"},{"sql":"INSERT INTO notes (text) VALUES (?)","params":["hello"]}]}')}

Read it in Asia; put the token in place of TOKEN:
  ${query('-H "Tidemark-Region: apac" -H "Tidemark-Session: TOKEN" ', '{"sql":"SELECT * FROM notes"}')}

Ctrl-C ends it.`;
}

/** A second signal while closing is ignored: npm and the terminal may each send one. */
function closeOnSignal(server: LocalServer): void {
  let closing = false;
  const close = () => {
    if (closing) return;
    closing = true;
    void server.close().finally(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Miniflare's own listener exits at once, with the code of a process that was killed.
    process.removeAllListeners(signal);
    process.on(signal, close);
  }
  if (process.env['npm_lifecycle_event'] === undefined) return;

  // npm that was killed outright passes nothing on; the server would stay, and keep its port.
  const npm = process.ppid;
  setInterval(() => process.ppid === npm || close(), 1000).unref();
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === 'help') return console.log(HELP);
  const key = adminKey();
  const server = await startLocalServer({ ...options, adminKey: key });
  closeOnSignal(server);
  console.log(welcome(server.url, key));
}

main().catch((error: unknown) => {
  if (error instanceof PortInUse) {
    console.error(`${error.message}. Choose another one: npm start -- --port 8788`);
  } else {
    console.error(error instanceof Error ? error.message : error);
  }
  process.exit(1);
});
