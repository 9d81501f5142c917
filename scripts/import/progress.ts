/** Where progress is shown; a terminal redraws one line, anything else gets a line now and then. */
export interface Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string): void;
}

export interface Step {
  readonly read: number;
  readonly bytes: number;
  readonly rows: number;
}

const REDRAW_MS = 100;
const LINE_MS = 5_000;
const BAR_CHARS = 24;

export class ProgressBar {
  readonly #screen: Screen;
  readonly #now: () => number;
  readonly #begun: number;
  #drawn = 0;
  #open = false;

  constructor(screen: Screen, now: () => number) {
    this.#screen = screen;
    this.#now = now;
    this.#begun = now();
    this.#drawn = screen.isTTY ? 0 : this.#begun;
  }

  get seconds(): number {
    return (this.#now() - this.#begun) / 1000;
  }

  show(step: Step): void {
    const now = this.#now();
    if (now - this.#drawn < (this.#screen.isTTY ? REDRAW_MS : LINE_MS)) return;
    this.#drawn = now;
    const line = describe(step, this.seconds);
    this.#screen.write(
      this.#screen.isTTY ? `\r\u001b[2K${line.slice(0, this.#screen.columns - 1)}` : `${line}\n`,
    );
    this.#open = this.#screen.isTTY;
  }

  /** A line that stays. */
  say(text: string): void {
    this.#screen.write(`${this.#open ? '\r\u001b[2K' : ''}${text}\n`);
    this.#open = false;
  }
}

function describe(step: Step, seconds: number): string {
  const part = step.bytes === 0 ? 1 : Math.min(1, step.read / step.bytes);
  const filled = Math.round(part * BAR_CHARS);
  const rate = seconds > 0 ? Math.round(step.rows / seconds) : 0;
  const left = part > 0 && part < 1 ? `, ${Math.ceil((seconds * (1 - part)) / part)} s left` : '';
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARS - filled);
  return `${bar} ${Math.floor(part * 100)}% of ${size(step.bytes)}, ${number(step.rows)} rows, ${number(rate)} rows/s${left}`;
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

function size(bytes: number): string {
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
