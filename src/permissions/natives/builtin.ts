import { bindingMethod } from '../environment.ts';
import type { HeapObject, Value } from '../heap.ts';
import type { Implementation, Machine } from '../machine.ts';
import { setUrlPart } from '../url-parts.ts';
import { ARRAY_METHODS, ITERATOR_METHODS } from './array.ts';
import { MAP_METHODS, SET_METHODS } from './collection.ts';
import { FUNCTION_METHODS } from './function.ts';
import { SOCKET_METHODS, STORE_METHODS } from './modules.ts';
import { OBJECT_METHODS } from './object.ts';
import { PROMISE_METHODS } from './promise.ts';
import { textMethod } from './text.ts';

type Table = Readonly<Record<string, Implementation>>;

const TABLES: Readonly<Partial<Record<HeapObject['shape'], Table>>> = {
  array: ARRAY_METHODS,
  function: FUNCTION_METHODS,
  operation: FUNCTION_METHODS,
  network: FUNCTION_METHODS,
  promise: PROMISE_METHODS,
  map: { ...MAP_METHODS, '@@iterator': MAP_METHODS['entries'] ?? missing },
  set: { ...SET_METHODS, '@@iterator': SET_METHODS['values'] ?? missing },
  iterator: ITERATOR_METHODS,
  socket: SOCKET_METHODS,
  store: STORE_METHODS,
};

/** Methods of whatever the runtime gives that call their argument and hand on what it gives. */
const UNSEEN: Table = {
  ...pick(PROMISE_METHODS, ['then', 'catch', 'finally']),
  ...pick(ARRAY_METHODS, ['forEach', 'map', 'flatMap', 'filter', 'find', 'some', 'every', 'reduce']),
};

/** Properties of built-in objects that hold no reference. */
const PLAIN_VALUES: Readonly<Partial<Record<HeapObject['shape'], ReadonlySet<string>>>> = {
  array: new Set(['length']),
  function: new Set(['length', 'name']),
  map: new Set(['size']),
  set: new Set(['size']),
};

function missing(machine: Machine): Value {
  return machine.store.externalValue;
}

function pick(table: Table, names: readonly string[]): Table {
  return Object.fromEntries(Object.entries(table).filter(([name]) => names.includes(name)));
}

/** What an object of a built-in shape has by itself. */
export function builtin(machine: Machine, object: HeapObject | null, key: string): Value | null {
  if (object === null) return methodOf(machine, 'text', key, textMethod(key));
  const { shape } = object;
  if (shape === 'binding') {
    const method = bindingMethod(machine, object, key);
    return method === null ? null : new Set([method]);
  }
  if (shape === 'external') return methodOf(machine, 'unseen', key, lookUp(UNSEEN, key));
  if (PLAIN_VALUES[shape]?.has(key) === true) return machine.store.primitiveValue;
  if (shape === 'request' || shape === 'url') return addressValue(machine, object, key);
  if (shape === 'socket' && lookUp(SOCKET_METHODS, key) === null) return machine.store.externalValue;
  if (shape === 'function' && key === 'constructor') return machine.codeConstructor;
  const table = TABLES[shape];
  const own = table === undefined ? null : lookUp(table, key);
  if (own !== null) return methodOf(machine, shape, key, own);
  return methodOf(machine, 'object', key, lookUp(OBJECT_METHODS, key));
}

function lookUp(table: Table, key: string): Implementation | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

function methodOf(
  machine: Machine,
  owner: string,
  key: string,
  implementation: Implementation | null,
): Value | null {
  if (implementation === null) return null;
  return new Set([machine.native(`${owner}#${key}`, (call) => implementation(machine, call))]);
}

const ADDRESSES: ReadonlySet<string> = new Set(['url', 'href', 'toString', 'toJSON']);

/** Of requests and URLs the address and the method are known; the rest is as the runtime makes it. */
function addressValue(machine: Machine, object: HeapObject, key: string): Value {
  const { store } = machine;
  if (key === 'method' && object.shape === 'request') return new Set();
  if (key === 'searchParams' && object.shape === 'url')
    setUrlPart(machine, object, key, machine.store.primitiveValue);
  if (!ADDRESSES.has(key)) {
    if (key !== 'clone') return store.externalValue;
    return new Set([machine.native('request.clone', (call) => call.self)]);
  }
  const isMethod = key === 'toString' || key === 'toJSON';
  if (!isMethod) return store.read(object.inner);
  return new Set([machine.native(`${object.id}.${key}`, () => store.read(object.inner))]);
}
