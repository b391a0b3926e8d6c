import { type Atom, type HeapObject, type Site, type Value } from './heap.ts';
import { NO_ARGUMENTS, type Element, type Machine } from './machine.ts';
import { arrayFrom } from './patterns.ts';
import { PRECISION } from './precision.ts';
import { keyNames } from './store.ts';

/**
 * Elements that iteration gives. Names start with `*` where position is not known; the name tells the elements
 * of one value apart and stays the same when more are seen.
 */
export function elements(machine: Machine, value: Value, site: Site): readonly Element[] {
  const found: Element[] = [];
  const single = value.size === 1;
  for (const atom of value) {
    if (atom.kind !== 'object') {
      if (atom.kind !== 'constant' || typeof atom.value === 'string')
        found.push({ name: '*', value: machine.store.primitiveValue });
      continue;
    }
    for (const element of elementsOf(machine, atom, site))
      found.push(single ? element : { name: `*${atom.id}.${element.name}`, value: element.value });
  }
  return found;
}

function elementsOf(machine: Machine, object: HeapObject, site: Site): Element[] {
  const { store } = machine;
  switch (object.shape) {
    case 'array': {
      store.read(object.keys);
      const known = [...object.properties].filter(([key]) => /^\d+$/.test(key));
      return [
        ...known.map(([name, cell]) => ({ name, value: store.read(cell) })),
        ...apart(store.read(object.rest)),
      ];
    }
    case 'set':
    case 'iterator':
      return apart(store.read(object.inner));
    case 'map':
      return pairsOf(machine, object, site);
    case 'external':
      return [{ name: '*', value: store.externalValue }];
    default:
      return iterate(machine, object, site);
  }
}

/** One element for each thing that is told apart. */
function apart(value: Value): Element[] {
  const found: Element[] = [];
  const others: Atom[] = [];
  for (const atom of value) {
    if (atom.kind === 'object' && atom.generation <= PRECISION.generations)
      found.push({ name: `*#${atom.id}`, value: new Set([atom]) });
    else if (atom.kind === 'constant')
      found.push({ name: `*=${typeof atom.value}:${String(atom.value)}`, value: new Set([atom]) });
    else others.push(atom);
  }
  if (others.length > 0) found.push({ name: '*', value: new Set(others) });
  return found;
}

/** `[key, value]` of every entry of a map. */
export function pairsOf(machine: Machine, map: HeapObject, site: Site): Element[] {
  const { store } = machine;
  store.read(map.keys);
  const found: Element[] = [];
  for (const [name, cell] of map.properties) {
    if (!name.startsWith('@@entry:')) continue;
    const id = name.slice('@@entry:'.length);
    const pair = [store.read(store.property(map, `@@key:${id}`)), store.read(cell)];
    found.push({ name: `*${id}`, value: arrayFrom(machine, `pair:${map.id}:${id}`, site.frame, pair) });
  }
  if (store.read(map.rest).size > 0) {
    const pair = [store.read(map.inner), store.read(map.rest)];
    found.push({ name: '*', value: arrayFrom(machine, `pair:${map.id}`, site.frame, pair) });
  }
  return found;
}

/** Follows the iteration protocol of an object of the program. */
function iterate(machine: Machine, object: HeapObject, site: Site): Element[] {
  const { store } = machine;
  const self = new Set([object]);
  const found: Element[] = [];
  for (const symbol of ['@@iterator', '@@asyncIterator']) {
    const method = machine.getProperty(object, symbol, self, site);
    for (const iterator of machine.call(method, self, NO_ARGUMENTS, site)) {
      if (iterator.kind !== 'object') continue;
      if (iterator.shape !== 'plain') {
        if (iterator !== object) found.push(...elementsOf(machine, iterator, site));
        continue;
      }
      const own = new Set([iterator]);
      const next = machine.call(machine.getProperty(iterator, 'next', own, site), own, NO_ARGUMENTS, site);
      const results = new Set(
        [...next].flatMap((atom) =>
          atom.kind === 'object' && atom.shape === 'promise' ? [...store.read(atom.inner)] : [atom],
        ),
      );
      found.push(...apart(machine.getMember(results, store.constant('value'), site)));
    }
  }
  return found;
}

/** Names that `for … in` gives, each on its own. */
export function keysOf(machine: Machine, value: Value, site: Site): Element[] {
  const { store } = machine;
  const keys = new Set<string | null>();
  const open = [...value];
  const seen = new Set<Atom>();
  for (let atom = open.pop(); atom !== undefined; atom = open.pop()) {
    if (atom.kind !== 'object' || seen.has(atom)) continue;
    seen.add(atom);
    if (atom.shape === 'environment') machine.unknown('environment-listed', 'env', site);
    const isOpen =
      atom.shape === 'environment' || atom.shape === 'external' || atom.shape === 'process-environment';
    if (isOpen || store.read(atom.rest).size > 0) keys.add(null);
    for (const name of keyNames(store.read(atom.keys)))
      if (name === null || !/^(?:@@|#)/.test(name)) keys.add(name);
    open.push(...store.read(atom.prototypes));
  }
  return [...keys].map((key) =>
    key === null
      ? { name: '*', value: store.primitiveValue }
      : { name: `=${key}`, value: store.constant(key) },
  );
}
