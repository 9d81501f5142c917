/**
 * `choices` in the order in which `key` prefers them, the same in every isolate. Each choice draws its own number with the key, so
 * that one which comes or goes moves only the keys that it takes or had, and all keys together are spread evenly.
 */
export function rankedFor<T extends { readonly name: string }>(key: string, choices: readonly T[]): T[] {
  return choices
    .map((choice) => ({ choice, weight: hashOf(`${choice.name}\n${key}`) }))
    .toSorted((a, b) => b.weight - a.weight || (a.choice.name < b.choice.name ? -1 : 1))
    .map(({ choice }) => choice);
}

/**
 * FNV-1a over UTF-16 units. It mixes what comes last too little, so that names which differ in one character would be drawn alike:
 * MurmurHash3's last step spreads it over all bits.
 */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
