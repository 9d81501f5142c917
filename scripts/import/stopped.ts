/** An import that cannot go on. The message is for the person who ran it: what happened, and what to do. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}
