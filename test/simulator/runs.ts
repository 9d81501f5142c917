import type { ExecuteRequest } from '../../shared/protocol/messages.ts';

/** An entry, and the client's operation that it was made for. */
export interface Run {
  readonly lsn: number;
  readonly op: number | null;
}

/**
 * For which operation a leader makes which entry. One step may run several requests that waited for a lease; the core reads a request's statements
 * right before it runs them, and what its log grows by until it reads the next ones is that request's.
 */
export class Runs {
  readonly #lsn: () => number;
  #known = 0;
  #op: number | null = null;
  #found: Run[] = [];

  /** `lsn`: the last entry that the leader has made. */
  constructor(lsn: () => number) {
    this.#lsn = lsn;
  }

  /** The request as the core is given it. */
  watched(request: ExecuteRequest, op: number | null): ExecuteRequest {
    const { statements } = request;
    const read = () => {
      this.#look();
      this.#op = op;
      return statements;
    };
    return Object.defineProperty({ ...request }, 'statements', { get: read, enumerable: true });
  }

  begin(): void {
    this.#known = this.#lsn();
    this.#op = null;
    this.#found = [];
  }

  end(): readonly Run[] {
    this.#look();
    return this.#found;
  }

  #look(): void {
    const lsn = this.#lsn();
    for (let made = this.#known + 1; made <= lsn; made += 1) this.#found.push({ lsn: made, op: this.#op });
    this.#known = lsn;
  }
}
