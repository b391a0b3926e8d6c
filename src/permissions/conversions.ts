import type { Atom, Frame, Site, Value } from './heap.ts';
import { argument, argumentsOf, NO_ARGUMENTS, type Machine } from './machine.ts';
import { settled } from './promises.ts';
import { union } from './store.ts';

/** Methods of objects that are called where a primitive value is needed. */
const TO_PRIMITIVE = ['@@toPrimitive', 'toString', 'valueOf'] as const;

/** A value where text or a number is needed: objects of the program are asked for it. */
export function toPrimitive(machine: Machine, value: Value, site: Site): Value {
  if (![...value].some((atom) => isOwn(atom))) return value;
  const found: Value[] = [];
  for (const atom of value) {
    const own = new Set([atom]);
    if (!isOwn(atom)) {
      found.push(own);
      continue;
    }
    const given: Value[] = [];
    for (const name of TO_PRIMITIVE) {
      const method = machine.getMember(own, machine.store.constant(name), site);
      const code = new Set([...method].filter((each) => each.kind === 'object' && each.closure !== null));
      if (code.size > 0) given.push(machine.call(code, own, NO_ARGUMENTS, site));
    }
    found.push(given.length === 0 ? machine.store.primitiveValue : union(...given));
  }
  return union(...found);
}

/** What `await` gives; objects with a `then` of their own are asked for it. */
export function awaited(machine: Machine, value: Value, site: Site, frame: Frame): Value {
  const { store } = machine;
  const results = settled(machine, value);
  const thenables = new Set<Atom>();
  for (const atom of results) {
    if (!isOwn(atom)) continue;
    const own = new Set([atom]);
    const then = machine.getMember(own, store.constant('then'), site);
    const code = new Set([...then].filter((each) => each.kind === 'object' && each.shape !== 'external'));
    if (code.size === 0) continue;
    thenables.add(atom);
    const promise = store.allocate(frame, `then:${site.node.start}`, 'promise');
    const resolve = machine.native(`then:${promise.id}`, (call) => {
      store.write(promise.inner, settled(machine, argument(call.args, 0)));
      return store.constant(undefined);
    });
    const given = new Set([resolve]);
    machine.call(code, own, argumentsOf(given, given), site);
  }
  if (thenables.size === 0) return results;
  const promise = store.allocate(frame, `then:${site.node.start}`, 'promise');
  return union(results, store.read(promise.inner));
}

function isOwn(atom: Atom): boolean {
  return atom.kind === 'object' && atom.shape === 'plain';
}
