import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What is lost on the way: the request, or the answer to a request that was carried out. */
export type Loss = 'request' | 'answer';

/** Stands between a client and a server, and can be told to lose something. */
export class Relay {
  readonly #target: string;
  readonly #http = createServer((request, response) => void this.#pass(request, response));
  /** Queries until something is lost. */
  #left = Infinity;
  #loss: Loss = 'request';
  #lost: () => void = () => undefined;
  url = '';
  queries = 0;

  private constructor(target: string) {
    this.#target = target;
  }

  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((done) => relay.#http.listen(0, '127.0.0.1', done));
    const address = relay.#http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    relay.url = `http://127.0.0.1:${address.port}`;
    return relay;
  }

  /** From the nth query on nothing is answered. Resolves when that one has come as far as it will. */
  async lose(loss: Loss, nth: number): Promise<void> {
    this.#left = nth;
    this.#loss = loss;
    await new Promise<void>((done) => (this.#lost = done));
  }

  heal(): void {
    this.#left = Infinity;
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((done) => this.#http.close(done));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece as Uint8Array);
    const isQuery = request.url?.endsWith('/query') ?? false;
    if (isQuery) this.queries += 1;
    if (isQuery) this.#left -= 1;
    const lost = this.#left <= 0;
    if (!lost || this.#loss === 'answer') {
      const answer = await this.#forward(request, Buffer.concat(pieces));
      if (!lost)
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    }
    if (lost) this.#lost();
  }

  #forward(
    { method = '', url = '', headers }: IncomingMessage,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    const passed = ['authorization', 'content-type', 'idempotency-key'].flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as [string, string]] : [];
    });
    return fetch(this.#target + url, { method, headers: passed, body: method === 'GET' ? null : body });
  }
}
