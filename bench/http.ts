import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Status line and headers, as they came. */
  readonly head: string;
  readonly body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const CHUNKS_END = Buffer.from('\r\n0\r\n\r\n');

/**
 * One keep-alive connection with at most one request under way. The load shares two cores with what it
 * measures, and the usual clients cost several times as much for each request as this one.
 */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer | null = null;
  #waiting: ((answer: Answer) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')));
  }

  static open(url: URL): Promise<Connection> {
    return new Promise((done, failed) => {
      const socket = connect(Number(url.port), url.hostname);
      socket.once('error', failed);
      socket.once('connect', () => done(new Connection(socket)));
    });
  }

  send(request: string): Promise<Answer> {
    return new Promise((done, failed) => {
      this.#waiting = done;
      this.#failed = failed;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = null;
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    const all = this.#received === null ? bytes : Buffer.concat([this.#received, bytes]);
    const answer = complete(all);
    this.#received = answer === null ? all : null;
    if (answer === null) return;
    const done = this.#waiting;
    this.#waiting = null;
    this.#failed = null;
    done?.(answer);
  }
}

/** Null until the answer has come whole. */
function complete(bytes: Buffer): Answer | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const from = headEnd + HEAD_END.length;
  if (length !== undefined) {
    const to = from + Number(length);
    return bytes.length < to ? null : { status, head, body: bytes.subarray(from, to) };
  }
  // The last chunk ends the answer; an empty body has no line end before it.
  const ended = bytes.subarray(-CHUNKS_END.length).equals(CHUNKS_END) || bytes.length === from + 5;
  return ended ? { status, head, body: bytes.subarray(from) } : null;
}

export function headerOf(answer: Answer, name: string): string | null {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(answer.head)?.[1] ?? null;
}

/** The text of a POST; `headers` ends in a line end if there are any. */
export function post(path: string, headers: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
