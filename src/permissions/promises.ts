import type { Atom, Frame, HeapObject, Value } from './heap.ts';
import type { Machine } from './machine.ts';

/** What `await` gives. */
export function settled(machine: Machine, value: Value): Value {
  const found = new Set<Atom>();
  for (const atom of value) {
    if (atom.kind === 'object' && atom.shape === 'promise') {
      for (const inner of machine.store.read(atom.inner)) found.add(inner);
    } else found.add(atom);
  }
  return found;
}

/** The promise that a place makes, of a value or of promises of it. */
export function promiseOf(machine: Machine, frame: Frame, place: unknown, value: Value): HeapObject {
  const promise = machine.store.allocate(frame, place, 'promise');
  machine.store.write(promise.inner, settled(machine, value));
  return promise;
}
