import { accessor } from '../classes.ts';
import { NOTHING, type HeapObject, type NativeCall, type Value } from '../heap.ts';
import { keysOf } from '../iteration.ts';
import { argument, type Element, type Implementation, type Machine } from '../machine.ts';
import { arrayFrom } from '../patterns.ts';
import { keyNames, union } from '../store.ts';
import { arrayOf } from './array.ts';
import { spread } from './function.ts';

function placeOf(call: NativeCall, name: string): string {
  return `object:${name}:${call.site.node.start}:${call.site.node.end}:${call.site.path}`;
}

function objectsOf(value: Value): HeapObject[] {
  return [...value].filter((atom) => atom.kind === 'object');
}

/** Names of properties, in an order that does not matter unless all of them are known. */
function names(machine: Machine, call: NativeCall): Element[] {
  const keys = keysOf(machine, argument(call.args, 0), call.site);
  const isOpen = keys.some((key) => key.name === '*');
  return keys.map(({ name, value }, index) => ({ name: isOpen ? `*${name}` : String(index), value }));
}

function pairs(machine: Machine, call: NativeCall): Element[] {
  const source = argument(call.args, 0);
  return names(machine, call).map(({ name, value }) => ({
    name,
    value: arrayFrom(machine, placeOf(call, `pair:${name}`), call.site.frame, [
      value,
      machine.getMember(source, value, call.site),
    ]),
  }));
}

function assignAll(machine: Machine, call: NativeCall): Value {
  const [target = NOTHING, ...sources] = call.args.list;
  const originals = objectsOf(union(...sources, call.args.rest));
  for (const object of objectsOf(target)) {
    if (object.shape === 'environment')
      for (const source of originals) copyInto(machine, object, source, call);
    else machine.store.write(object.prototypes, new Set(originals.filter((source) => source !== object)));
    machine.store.write(object.keys, machine.store.constant('@@assigned'));
  }
  return target;
}

function copyInto(machine: Machine, target: HeapObject, source: HeapObject, call: NativeCall): void {
  for (const { value } of keysOf(machine, new Set([source]), call.site))
    machine.setMember(
      new Set([target]),
      value,
      machine.getMember(new Set([source]), value, call.site),
      call.site,
    );
}

function defineProperty(
  machine: Machine,
  target: Value,
  key: Value,
  descriptor: Value,
  call: NativeCall,
): void {
  const { store } = machine;
  const part = (name: string): Value => {
    const found = new Set(machine.getMember(descriptor, store.constant(name), call.site));
    found.delete(store.constantAtom(undefined));
    return found;
  };
  const value = part('value');
  const getter = part('get');
  const setter = part('set');
  if (value.size > 0) machine.setMember(target, key, value, call.site);
  for (const object of objectsOf(target)) {
    for (const name of keyNames(key)) {
      if (name === null) {
        store.write(
          object.rest,
          machine.call(getter, new Set([object]), { list: [], rest: NOTHING }, call.site),
        );
        continue;
      }
      if (getter.size > 0) accessor(machine, object, 'get', name, getter);
      if (setter.size > 0) accessor(machine, object, 'set', name, setter);
    }
  }
}

function defineAll(machine: Machine, target: Value, descriptors: Value, call: NativeCall): void {
  for (const { value } of keysOf(machine, descriptors, call.site))
    defineProperty(machine, target, value, machine.getMember(descriptors, value, call.site), call);
}

function descriptor(machine: Machine, call: NativeCall, key: Value, name: string): Value {
  const { store } = machine;
  const made = store.allocate(call.site.frame, placeOf(call, `descriptor:${name}`), 'plain');
  store.define(made, 'value', machine.getMember(argument(call.args, 0), key, call.site));
  for (const flag of ['enumerable', 'configurable', 'writable'])
    store.define(made, flag, store.primitiveValue);
  return new Set([made]);
}

function fromEntries(machine: Machine, call: NativeCall): Value {
  const { store } = machine;
  const made = new Set([store.allocate(call.site.frame, placeOf(call, 'made'), 'plain')]);
  for (const { value } of machine.elements(argument(call.args, 0), call.site)) {
    const key = machine.getMember(value, store.constant('0'), call.site);
    machine.setMember(made, key, machine.getMember(value, store.constant('1'), call.site), call.site);
  }
  return made;
}

function create(machine: Machine, call: NativeCall): Value {
  const made = machine.store.allocate(call.site.frame, placeOf(call, 'made'), 'plain');
  machine.store.write(made.prototypes, new Set(objectsOf(argument(call.args, 0))));
  const self = new Set([made]);
  defineAll(machine, self, argument(call.args, 1), call);
  return self;
}

function prototypeOf(machine: Machine, call: NativeCall): Value {
  return union(
    machine.store.constant(null),
    ...objectsOf(argument(call.args, 0)).map((object) =>
      object.shape === 'function'
        ? union(functionPrototype(machine, call), machine.store.read(object.prototypes))
        : machine.store.read(object.prototypes),
    ),
  );
}

function functionPrototype(machine: Machine, call: NativeCall): Value {
  return machine.getMember(machine.codeConstructor, machine.store.constant('prototype'), call.site);
}

function groupBy(machine: Machine, call: NativeCall): Value {
  const { store } = machine;
  const elements = machine.elements(argument(call.args, 0), call.site);
  for (const element of elements)
    machine.call(
      argument(call.args, 1),
      NOTHING,
      { list: [element.value], rest: store.primitiveValue },
      call.site,
    );
  const made = store.allocate(call.site.frame, placeOf(call, 'groups'), 'plain');
  const group = arrayOf(machine, call, 'group', [
    { name: '*', value: union(...elements.map((element) => element.value)) },
  ]);
  store.write(made.keys, store.primitiveValue);
  store.write(made.rest, group);
  return new Set([made]);
}

function setPrototype(machine: Machine, call: NativeCall): Value {
  for (const object of objectsOf(argument(call.args, 0)))
    machine.store.write(object.prototypes, new Set(objectsOf(argument(call.args, 1))));
  return argument(call.args, 0);
}

const same: Implementation = (_machine, call) => argument(call.args, 0);
const primitive: Implementation = (machine) => machine.store.primitiveValue;
const define: Implementation = (machine, call) => {
  defineProperty(machine, argument(call.args, 0), argument(call.args, 1), argument(call.args, 2), call);
  return argument(call.args, 0);
};
const listNames: Implementation = (machine, call) => arrayOf(machine, call, 'names', names(machine, call));

export const OBJECT_STATICS: Readonly<Record<string, Implementation>> = {
  keys: listNames,
  getOwnPropertyNames: listNames,
  getOwnPropertySymbols: (machine, call) => arrayOf(machine, call, 'symbols', []),
  values: (machine, call) => {
    const source = argument(call.args, 0);
    const values = names(machine, call).map(({ name, value }) => ({
      name,
      value: machine.getMember(source, value, call.site),
    }));
    return arrayOf(machine, call, 'values', values);
  },
  entries: (machine, call) => arrayOf(machine, call, 'entries', pairs(machine, call)),
  fromEntries,
  groupBy,
  assign: assignAll,
  create,
  freeze: same,
  seal: same,
  preventExtensions: same,
  defineProperty: define,
  defineProperties: (machine, call) => {
    defineAll(machine, argument(call.args, 0), argument(call.args, 1), call);
    return argument(call.args, 0);
  },
  getOwnPropertyDescriptor: (machine, call) =>
    union(descriptor(machine, call, argument(call.args, 1), ''), machine.store.constant(undefined)),
  getOwnPropertyDescriptors: (machine, call) => {
    const made = new Set([machine.store.allocate(call.site.frame, placeOf(call, 'all'), 'plain')]);
    for (const { name, value } of names(machine, call))
      machine.setMember(made, value, descriptor(machine, call, value, name), call.site);
    return made;
  },
  getPrototypeOf: prototypeOf,
  setPrototypeOf: setPrototype,
  is: primitive,
  isFrozen: primitive,
  isSealed: primitive,
  isExtensible: primitive,
  hasOwn: primitive,
};

export const OBJECT_METHODS: Readonly<Record<string, Implementation>> = {
  hasOwnProperty: primitive,
  isPrototypeOf: primitive,
  propertyIsEnumerable: primitive,
  toString: primitive,
  toLocaleString: primitive,
  valueOf: (_machine: Machine, call: NativeCall) => call.self,
};

export const REFLECT_STATICS: Readonly<Record<string, Implementation>> = {
  get: (machine, call) => machine.getMember(argument(call.args, 0), argument(call.args, 1), call.site),
  set: (machine, call) => {
    machine.setMember(argument(call.args, 0), argument(call.args, 1), argument(call.args, 2), call.site);
    return machine.store.primitiveValue;
  },
  has: primitive,
  deleteProperty: primitive,
  apply: (machine, call) =>
    machine.call(
      argument(call.args, 0),
      argument(call.args, 1),
      spread(machine, argument(call.args, 2), call.site),
      call.site,
    ),
  construct: (machine, call) =>
    machine.construct(argument(call.args, 0), spread(machine, argument(call.args, 1), call.site), call.site),
  ownKeys: listNames,
  defineProperty: define,
  getPrototypeOf: prototypeOf,
  setPrototypeOf: setPrototype,
};

/** A proxy shows its target through, and what its handler gives for any key. */
export const constructProxy: Implementation = (machine, call) => {
  const { store } = machine;
  const target = argument(call.args, 0);
  const handler = argument(call.args, 1);
  const made = store.allocate(call.site.frame, placeOf(call, 'proxy'), 'plain');
  store.write(made.prototypes, new Set(objectsOf(target)));
  const self = new Set([made]);
  const trap = (name: string): Value => machine.getMember(handler, store.constant(name), call.site);
  store.write(
    made.rest,
    machine.call(
      trap('get'),
      handler,
      { list: [target, store.primitiveValue, self], rest: NOTHING },
      call.site,
    ),
  );
  const calls = trap('apply');
  if ([...calls].some((atom) => atom.kind === 'object')) {
    made.native ??= {
      call: (later) => {
        const list = arrayFrom(
          machine,
          placeOf(later, 'arguments'),
          later.site.frame,
          later.args.list,
          later.args.rest,
        );
        return machine.call(calls, handler, { list: [target, later.self, list], rest: NOTHING }, later.site);
      },
    };
  } else if (objectsOf(target).some((object) => object.closure !== null || object.native !== null)) {
    made.native ??= { call: (later) => machine.call(target, later.self, later.args, later.site) };
  }
  for (const name of [
    'set',
    'has',
    'ownKeys',
    'construct',
    'deleteProperty',
    'defineProperty',
    'getOwnPropertyDescriptor',
  ])
    machine.call(trap(name), handler, { list: [target], rest: store.externalValue }, call.site);
  return self;
};
