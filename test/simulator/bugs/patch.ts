import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Patch } from './bug.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** The bug does not fit the source any more, or the source was loaded without it. */
class PatchError extends Error {
  override readonly name = 'PatchError';
}

/** @throws PatchError unless what is to be replaced stands in the text exactly once */
export function patched(text: string, { file, find, replace }: Patch): string {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new PatchError(`${file} must have this exactly once: ${find.trim()}`);
  return before + replace + after;
}

export interface Patching {
  /** @throws PatchError where a file was not loaded since: then what ran had no bug, or only a part of it. */
  assertComplete(): void;
}

/** From here on this process loads these files with the bug in them. Those that it has already are as they were. */
export function patchWhatLoads(patches: readonly Patch[]): Patching {
  const urlOf = ({ file }: Patch) => pathToFileURL(resolve(PROJECT, file)).href;
  const waiting = new Set(patches.map(urlOf));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const here = patches.filter((patch) => urlOf(patch) === url);
      if (here.length === 0) return loaded;
      waiting.delete(url);
      // Types are taken out later: what is given here is TypeScript still.
      return { ...loaded, source: here.reduce(patched, sourceText(loaded.source)) };
    },
  });
  return {
    assertComplete() {
      if (waiting.size > 0) throw new PatchError(`not loaded with the bug: ${[...waiting].join(', ')}`);
    },
  };
}

function sourceText(source: unknown): string {
  if (typeof source === 'string') return source;
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  throw new PatchError('the loader gave no source');
}
