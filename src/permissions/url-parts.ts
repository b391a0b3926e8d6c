import type { HeapObject, Value } from './heap.ts';
import type { Machine } from './machine.ts';
import { knownTexts } from './store.ts';

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Parts that leave scheme and host as they are. */
const BELOW_HOST: ReadonlySet<string> = new Set(['pathname', 'search', 'hash', 'searchParams']);

/** `url.pathname = …`: of the address only the parts before the changed one stay known. */
export function setUrlPart(machine: Machine, url: HeapObject, part: string, value: Value): void {
  const { store } = machine;
  if (part === 'href') {
    store.write(
      url.inner,
      new Set(
        knownTexts(value).map(({ text, whole }) =>
          whole ? store.constantAtom(text) : store.prefixAtom(text),
        ),
      ),
    );
    return;
  }
  if (!BELOW_HOST.has(part)) {
    if (['host', 'hostname', 'port', 'protocol'].includes(part)) store.write(url.inner, store.primitiveValue);
    return;
  }
  for (const { text } of knownTexts(store.read(url.inner))) {
    const origin = ORIGIN.exec(text)?.[0];
    if (origin === undefined) store.write(url.inner, store.primitiveValue);
    else if (part !== 'pathname')
      store.write(url.inner, new Set([store.prefixAtom(text.replace(/[?#].*$/, ''))]));
    else store.write(url.inner, new Set([store.prefixAtom(`${origin}/`)]));
  }
}
