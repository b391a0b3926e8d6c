const NAMES_MAX = 1024;
const NAME_BYTES_MAX = 64;

/**
 * A judgement on names of fields that remembers what it said, as all messages share a few dozen. Names are
 * remembered as they are spelt, up to a number and a length, so that nobody can fill memory with them.
 */
export function remembered<T>(judge: (name: string) => T): (name: string) => T {
  const said = new Map<string, T>();
  return (name) => {
    const known = said.get(name);
    if (known !== undefined) return known;
    const judged = judge(name);
    if (name.length <= NAME_BYTES_MAX) {
      if (said.size >= NAMES_MAX) said.clear();
      said.set(name, judged);
    }
    return judged;
  };
}
