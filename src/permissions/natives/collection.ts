import { NOTHING, type HeapObject, type NativeCall, type Value } from '../heap.ts';
import { pairsOf } from '../iteration.ts';
import { argument, argumentsOf, siteBelow, type Implementation, type Machine } from '../machine.ts';
import { union } from '../store.ts';
import { iteratorOf } from './array.ts';

/** Names that tell the keys of a map apart, null for those not known. */
function keyIds(key: Value): (string | null)[] {
  const ids = new Set<string | null>();
  for (const atom of key) {
    if (atom.kind === 'constant') ids.add(`${typeof atom.value}:${String(atom.value)}`);
    else if (atom.kind === 'object' && atom.shape !== 'external') ids.add(`object:${atom.id}`);
    else ids.add(null);
  }
  return [...ids];
}

function mapsOf(call: NativeCall): HeapObject[] {
  return [...call.self].filter((atom) => atom.kind === 'object').filter((object) => object.shape === 'map');
}

function setEntry(machine: Machine, map: HeapObject, key: Value, value: Value): void {
  const { store } = machine;
  for (const id of keyIds(key)) {
    if (id === null) {
      store.write(map.rest, value);
      store.write(map.inner, key);
      continue;
    }
    store.write(store.property(map, `@@entry:${id}`), value);
    store.write(store.property(map, `@@key:${id}`), key);
    store.write(map.keys, store.constant(`@@entry:${id}`));
  }
}

function getEntry(machine: Machine, map: HeapObject, key: Value): Value {
  const { store } = machine;
  const found: Value[] = [store.read(map.rest)];
  for (const id of keyIds(key)) {
    if (id !== null) found.push(store.read(store.property(map, `@@entry:${id}`)));
    else {
      store.read(map.keys);
      for (const [name, cell] of map.properties)
        if (name.startsWith('@@entry:')) found.push(store.read(cell));
    }
  }
  return union(...found, store.constant(undefined));
}

function keysOfMaps(machine: Machine, call: NativeCall): Value {
  const found = mapsOf(call).flatMap((map) => pairsOf(machine, map, call.site));
  return union(...found.map((pair) => machine.getMember(pair.value, machine.store.constant('0'), call.site)));
}

function valuesOfMaps(machine: Machine, call: NativeCall): Value {
  return union(...mapsOf(call).map((map) => getEntry(machine, map, machine.store.primitiveValue)));
}

function forEachEntry(machine: Machine, call: NativeCall): Value {
  const { store } = machine;
  for (const map of mapsOf(call)) {
    for (const pair of pairsOf(machine, map, call.site)) {
      const value = machine.getMember(pair.value, store.constant('1'), call.site);
      const key = machine.getMember(pair.value, store.constant('0'), call.site);
      machine.call(
        argument(call.args, 0),
        argument(call.args, 1),
        argumentsOf(value, key, call.self),
        siteBelow(call.site, pair.name),
      );
    }
  }
  return store.constant(undefined);
}

const primitive: Implementation = (machine) => machine.store.primitiveValue;

export const MAP_METHODS: Readonly<Record<string, Implementation>> = {
  get: (machine, call) => union(...mapsOf(call).map((map) => getEntry(machine, map, argument(call.args, 0)))),
  set: (machine, call) => {
    for (const map of mapsOf(call)) setEntry(machine, map, argument(call.args, 0), argument(call.args, 1));
    return call.self;
  },
  getOrInsert: (machine, call) => {
    for (const map of mapsOf(call)) setEntry(machine, map, argument(call.args, 0), argument(call.args, 1));
    return union(...mapsOf(call).map((map) => getEntry(machine, map, argument(call.args, 0))));
  },
  getOrInsertComputed: (machine, call) => {
    const made = machine.call(
      argument(call.args, 1),
      NOTHING,
      argumentsOf(argument(call.args, 0)),
      call.site,
    );
    for (const map of mapsOf(call)) setEntry(machine, map, argument(call.args, 0), made);
    return union(...mapsOf(call).map((map) => getEntry(machine, map, argument(call.args, 0))));
  },
  has: primitive,
  delete: primitive,
  clear: primitive,
  forEach: forEachEntry,
  keys: (machine, call) => iteratorOf(machine, call, 'mapKeys', keysOfMaps(machine, call)),
  values: (machine, call) => iteratorOf(machine, call, 'mapValues', valuesOfMaps(machine, call)),
  entries: (machine, call) =>
    iteratorOf(
      machine,
      call,
      'mapEntries',
      union(...mapsOf(call).flatMap((map) => pairsOf(machine, map, call.site).map((pair) => pair.value))),
    ),
};

function innerOf(machine: Machine, call: NativeCall): Value {
  return union(
    ...[...call.self].map((atom) => (atom.kind === 'object' ? machine.store.read(atom.inner) : NOTHING)),
  );
}

export const SET_METHODS: Readonly<Record<string, Implementation>> = {
  add: (machine, call) => {
    for (const atom of call.self)
      if (atom.kind === 'object' && atom.shape === 'set')
        machine.store.write(atom.inner, argument(call.args, 0));
    return call.self;
  },
  has: primitive,
  delete: primitive,
  clear: primitive,
  forEach: (machine, call) => {
    for (const element of machine.elements(call.self, call.site))
      machine.call(
        argument(call.args, 0),
        argument(call.args, 1),
        argumentsOf(element.value, element.value, call.self),
        siteBelow(call.site, element.name),
      );
    return machine.store.constant(undefined);
  },
  keys: (machine, call) => iteratorOf(machine, call, 'set', innerOf(machine, call)),
  values: (machine, call) => iteratorOf(machine, call, 'set', innerOf(machine, call)),
  entries: (machine, call) => iteratorOf(machine, call, 'set', innerOf(machine, call)),
};

export function constructCollection(shape: 'map' | 'set'): Implementation {
  return (machine, call) => {
    const place = `${shape}:${call.site.node.start}:${call.site.path}`;
    const made = machine.store.allocate(call.site.frame, place, shape);
    for (const { value } of machine.elements(argument(call.args, 0), call.site)) {
      if (shape === 'set') {
        machine.store.write(made.inner, value);
        continue;
      }
      const key = machine.getMember(value, machine.store.constant('0'), call.site);
      setEntry(machine, made, key, machine.getMember(value, machine.store.constant('1'), call.site));
    }
    return new Set([made]);
  };
}
