/**
 * What `call` gives, or an error once `ms` have passed: an object that never answers must not keep a caller
 * for ever. The call itself is not undone.
 */
export function within<T>(ms: number, call: Promise<T>): Promise<T> {
  // By hand, because this stands on every request's way and `Promise.race` takes several times as long.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        how(value);
      };
    call.then(settle(resolve), settle(reject));
  });
}
