import { readBinding, readProcessBinding } from './environment.ts';
import { NOTHING, type HeapObject, type Site, type Value } from './heap.ts';
import { setUrlPart } from './url-parts.ts';
import { argumentsOf, NO_ARGUMENTS, type Machine } from './machine.ts';
import { keyNames, union } from './store.ts';

const PROTOTYPES_MAX = 30;
const INDEX = /^\d+$/;
/** Properties of plain objects that one expression reads one by one. */
const READS_MAX = 128;

/** What `receiver[key]` may be. */
export function getMember(machine: Machine, receiver: Value, key: Value, site: Site): Value {
  const found: Value[] = [];
  const names = keyNames(key);
  // Any key covers them all.
  const many = names.length * receiver.size > READS_MAX ? [null] : null;
  for (const atom of receiver) {
    if (atom.kind === 'object') {
      const self = new Set([atom]);
      const isPlain = atom.shape === 'plain' || atom.shape === 'array';
      for (const name of isPlain && many !== null && names.length > 1 ? many : names)
        found.push(getProperty(machine, atom, name, self, site));
    } else if (atom.kind !== 'constant' || (atom.value !== null && atom.value !== undefined)) {
      for (const name of names) found.push(getOfPrimitive(machine, name));
    }
  }
  return union(...found);
}

function getOfPrimitive(machine: Machine, name: string | null): Value {
  return (name === null ? null : machine.builtin(null, name)) ?? machine.store.primitiveValue;
}

export function getProperty(
  machine: Machine,
  object: HeapObject,
  key: string | null,
  self: Value,
  site: Site,
): Value {
  const { store } = machine;
  store.step();
  if (key === null) return getAny(machine, object, self, site);
  const found: Value[] = [];
  switch (object.shape) {
    case 'environment':
      found.push(readBinding(machine, key, site));
      break;
    case 'process-environment':
      found.push(readProcessBinding(machine, key, site));
      break;
    case 'external':
      found.push(machine.builtin(object, key) ?? new Set([object]));
      break;
    default:
  }
  found.push(getFromChain(machine, object, key, self, site));
  const value = union(...found);
  return value.size === 0 && !isWritten(machine, object, key) ? store.constant(undefined) : value;
}

/** Whether something assigns this key, although nothing has flowed there yet. */
function isWritten(machine: Machine, object: HeapObject, key: string): boolean {
  return (
    object.properties.get(key)?.definite === true ||
    object.getters.has(key) ||
    machine.store.read(object.rest).size > 0
  );
}

function getFromChain(machine: Machine, start: HeapObject, key: string, self: Value, site: Site): Value {
  const { store } = machine;
  const found: Value[] = [];
  const seen = new Set<HeapObject>();
  const open = [start];
  for (let object = open.pop(); object !== undefined && seen.size < PROTOTYPES_MAX; object = open.pop()) {
    if (seen.has(object)) continue;
    seen.add(object);
    const own = store.property(object, key);
    const value = store.read(own);
    const getter = object.getters.get(key);
    found.push(value);
    // What is pushed to an array is none of its methods.
    if (object.shape !== 'array' || INDEX.test(key)) found.push(store.read(object.rest));
    store.read(object.keys);
    if (getter !== undefined) found.push(machine.call(store.read(getter), self, NO_ARGUMENTS, site));
    if (object.shape !== 'external' && !own.definite) found.push(machine.builtin(object, key) ?? NOTHING);
    if (own.definite || getter !== undefined) continue;
    for (const prototype of store.read(object.prototypes)) {
      if (prototype.kind !== 'object') continue;
      if (
        prototype.shape === 'environment' ||
        prototype.shape === 'external' ||
        prototype.shape === 'process-environment'
      )
        found.push(getProperty(machine, prototype, key, self, site));
      else open.push(prototype);
    }
  }
  return union(...found);
}

/** What any property of an object may be: its key is not known. */
function getAny(machine: Machine, object: HeapObject, self: Value, site: Site): Value {
  const { store } = machine;
  const found: Value[] = [];
  const seen = new Set<HeapObject>();
  const open = [object];
  for (let at = open.pop(); at !== undefined && seen.size < PROTOTYPES_MAX; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    if (at.shape === 'environment') {
      machine.unknown('binding-computed', '', site);
      found.push(store.externalValue);
    }
    if (at.shape === 'process-environment') {
      if (Object.keys(machine.grants.secret).length > 0)
        machine.unknown('binding-computed', 'process.env', site);
      found.push(store.primitiveValue);
    }
    if (at.shape === 'binding') {
      machine.unknown('operation-computed', at.name, site);
      found.push(store.externalValue);
    }
    if (at.shape === 'external') found.push(new Set([at]));
    store.read(at.keys);
    for (const cell of at.properties.values()) found.push(store.read(cell));
    for (const getter of at.getters.values())
      found.push(machine.call(store.read(getter), self, NO_ARGUMENTS, site));
    found.push(store.read(at.rest));
    for (const prototype of store.read(at.prototypes)) if (prototype.kind === 'object') open.push(prototype);
  }
  if (object.shape === 'array') found.push(store.constant(undefined));
  return union(...found);
}

export function setMember(machine: Machine, receiver: Value, key: Value, value: Value, site: Site): void {
  for (const atom of receiver) {
    if (atom.kind !== 'object') continue;
    for (const name of keyNames(key)) setProperty(machine, atom, name, value, site);
  }
}

function setProperty(
  machine: Machine,
  object: HeapObject,
  key: string | null,
  value: Value,
  site: Site,
): void {
  const { store } = machine;
  if (object.shape === 'external' || object === machine.globals) escapeFunctions(machine, value, site);
  if (key === null) {
    store.write(object.keys, store.primitiveValue);
    store.write(object.rest, value);
    return;
  }
  if (key === '__proto__') {
    store.write(object.prototypes, value);
    return;
  }
  if (object.shape === 'url') setUrlPart(machine, object, key, value);
  for (const setter of settersOf(machine, object, key))
    machine.call(setter, new Set([object]), argumentsOf(value), site);
  store.write(object.keys, store.constant(key));
  store.write(store.property(object, key), value);
}

/** Handlers that are put on objects of the runtime are called by it. */
function escapeFunctions(machine: Machine, value: Value, site: Site): void {
  const functions = [...value].filter((atom) => atom.kind === 'object' && atom.closure !== null);
  if (functions.length > 0) machine.escape(new Set(functions), site);
}

function settersOf(machine: Machine, object: HeapObject, key: string): Value[] {
  const { store } = machine;
  const found: Value[] = [];
  const seen = new Set<HeapObject>();
  const open = [object];
  for (let at = open.pop(); at !== undefined && seen.size < PROTOTYPES_MAX; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const setter = at.setters.get(key);
    if (setter !== undefined) found.push(store.read(setter));
    store.read(at.keys);
    for (const prototype of store.read(at.prototypes)) if (prototype.kind === 'object') open.push(prototype);
  }
  return found;
}
