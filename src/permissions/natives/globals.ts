import { readProcessBinding } from '../environment.ts';
import { NOTHING, type HeapObject, type Value } from '../heap.ts';
import { argument, argumentsFrom, type Implementation, type Machine } from '../machine.ts';
import { keyNames, knownTexts, union } from '../store.ts';
import { ARRAY_METHODS, ARRAY_STATICS } from './array.ts';
import { constructCollection, MAP_METHODS, SET_METHODS } from './collection.ts';
import { FUNCTION_METHODS } from './function.ts';
import {
  connectSocket,
  constructRequest,
  constructUrl,
  fetchGlobal,
  markNetwork,
  openByUrl,
} from './network.ts';
import { constructProxy, OBJECT_METHODS, OBJECT_STATICS, REFLECT_STATICS } from './object.ts';
import { constructPromise, PROMISE_METHODS, PROMISE_STATICS } from './promise.ts';
import { textFunction } from './text.ts';

type Table = Readonly<Record<string, Implementation>>;

function generatesCode(machine: Machine, code: Value, site: Parameters<Implementation>[1]['site']): Value {
  machine.unknown('code-generated', '', site);
  machine.escape(code, site);
  return machine.store.externalValue;
}

const makeFunction: Implementation = (machine, call) => {
  const [body] = call.args.list;
  const texts = body === undefined ? [] : knownTexts(body);
  const known =
    call.args.list.length === 1 && texts.length === 1 && texts[0]?.whole === true ? texts[0].text : '';
  // How old libraries find the global object.
  if (/^\s*return this;?\s*$/.test(known))
    return new Set([machine.native('return this', () => new Set([machine.globals]))]);
  return generatesCode(machine, NOTHING, call.site);
};

const timer: Implementation = (machine, call) => {
  const callback = argument(call.args, 0);
  if (
    [...callback].some(
      (atom) => atom.kind === 'constant' && typeof atom.value === 'string' && atom.value !== '',
    )
  )
    machine.unknown('code-generated', '', call.site);
  machine.call(callback, NOTHING, argumentsFrom(call.args, 2), call.site);
  return machine.store.externalValue;
};

const plainError: Implementation = (machine, call) => {
  const made = machine.store.allocate(
    call.site.frame,
    `error:${call.site.node.start}:${call.site.path}`,
    'plain',
  );
  machine.store.write(made.prototypes, machine.store.externalValue);
  // `cause` is the one thing that an error hands on.
  const cause = machine.getMember(argument(call.args, 1), machine.store.constant('cause'), call.site);
  machine.store.write(machine.store.property(made, 'cause'), cause);
  return new Set([made]);
};

const emptyObject: Implementation = (machine, call) => {
  const first = argument(call.args, 0);
  if ([...first].some((atom) => atom.kind === 'object')) return first;
  return new Set([
    machine.store.allocate(call.site.frame, `Object:${call.site.node.start}:${call.site.path}`, 'plain'),
  ]);
};

const emptyArray: Implementation = (machine, call) => {
  const made = machine.store.allocate(
    call.site.frame,
    `Array:${call.site.node.start}:${call.site.path}`,
    'array',
  );
  for (const value of call.args.list) machine.store.write(made.rest, value);
  return new Set([made]);
};

const symbol: Implementation = (machine, call) =>
  machine.store.constant(`@@symbol:${call.site.node.start}:${call.site.frame.id}`);

const toText: Implementation = (machine, call) => {
  const texts = knownTexts(argument(call.args, 0));
  return new Set(
    texts.map(({ text, whole }) =>
      whole ? machine.store.constantAtom(text) : machine.store.prefixAtom(text),
    ),
  );
};

const primitive: Implementation = (machine) => machine.store.primitiveValue;

/** Constructors of the runtime whose objects do not look into the fields of their children. */
const QUIET_CLASSES = [
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'EvalError',
  'URIError',
  'AggregateError',
  'DOMException',
  'EventTarget',
  'Event',
  'CustomEvent',
];

const FUNCTIONS: Table = {
  parseInt: primitive,
  parseFloat: primitive,
  isNaN: primitive,
  isFinite: primitive,
  Number: primitive,
  Boolean: primitive,
  BigInt: primitive,
  String: toText,
  encodeURIComponent: textFunction(encodeURIComponent),
  encodeURI: textFunction(encodeURI),
  decodeURIComponent: textFunction(decodeURIComponent),
  decodeURI: textFunction(decodeURI),
  structuredClone: (_machine, call) => argument(call.args, 0),
  setTimeout: timer,
  setInterval: timer,
  setImmediate: timer,
  queueMicrotask: timer,
  eval: (machine, call) => generatesCode(machine, NOTHING, call.site),
  Object: emptyObject,
  Array: emptyArray,
  Symbol: symbol,
  Promise: constructPromise,
  Map: constructCollection('map'),
  WeakMap: constructCollection('map'),
  Set: constructCollection('set'),
  WeakSet: constructCollection('set'),
  Proxy: constructProxy,
  Request: constructRequest,
  URL: constructUrl,
  Worker: (machine, call) => generatesCode(machine, NOTHING, call.site),
  WeakRef: (machine, call) => {
    const made = machine.store.allocate(call.site.frame, `ref:${call.site.node.start}`, 'plain');
    machine.store.write(made.inner, argument(call.args, 0));
    const deref = machine.native(`deref:${made.id}`, () => machine.store.read(made.inner));
    machine.store.define(made, 'deref', new Set([deref]));
    return new Set([made]);
  },
};

const STATICS: Readonly<Record<string, Table>> = {
  Object: OBJECT_STATICS,
  Array: ARRAY_STATICS,
  Promise: PROMISE_STATICS,
  Symbol: { for: (machine, call) => forSymbol(machine, argument(call.args, 0)) },
  String: {
    raw: (machine, call) => {
      for (const value of call.args.list.slice(1)) machine.escape(value, call.site);
      return machine.store.primitiveValue;
    },
  },
};

const PROTOTYPES: Readonly<Record<string, Table>> = {
  Object: OBJECT_METHODS,
  Array: ARRAY_METHODS,
  Promise: PROMISE_METHODS,
  Map: MAP_METHODS,
  WeakMap: MAP_METHODS,
  Set: SET_METHODS,
  WeakSet: SET_METHODS,
};

function forSymbol(machine: Machine, name: Value): Value {
  return new Set(
    keyNames(name).map((key) =>
      key === null ? machine.store.primitive : machine.store.constantAtom(`@@for:${key}`),
    ),
  );
}

/** Puts what the runtime offers on the global object; everything else on it is unseen code. */
export function fillGlobals(machine: Machine): void {
  const { store, globals } = machine;
  const define = (
    owner: HeapObject,
    name: string,
    key: string,
    implementation: Implementation,
  ): HeapObject => {
    const object = machine.native(name, (call) => implementation(machine, call));
    store.define(owner, key, new Set([object]));
    return object;
  };
  for (const [name, implementation] of Object.entries(FUNCTIONS)) {
    const object = define(globals, name, name, implementation);
    for (const [key, method] of Object.entries(STATICS[name] ?? {}))
      define(object, `${name}.${key}`, key, method);
    const prototype = store.newObject('plain', `${name}.prototype`);
    for (const [key, method] of Object.entries(PROTOTYPES[name] ?? {}))
      define(prototype, `${name}#${key}`, key, method);
    store.define(object, 'prototype', new Set([prototype]));
    if (!Object.hasOwn(PROTOTYPES, name)) store.write(prototype.prototypes, store.externalValue);
    if (name === 'Symbol')
      for (const key of [
        'iterator',
        'asyncIterator',
        'dispose',
        'asyncDispose',
        'toStringTag',
        'hasInstance',
        'toPrimitive',
        'species',
      ])
        store.define(object, key, store.constant(`@@${key}`));
    if (!Object.hasOwn(STATICS, name) || name === 'String')
      store.write(object.prototypes, store.externalValue);
  }
  for (const name of QUIET_CLASSES) {
    const object = define(globals, name, name, plainError);
    const prototype = store.newObject('plain', `${name}.prototype`);
    store.write(prototype.prototypes, store.externalValue);
    store.define(object, 'prototype', new Set([prototype]));
    store.write(object.prototypes, store.externalValue);
  }
  markNetwork(define(globals, 'fetch', 'fetch', fetchGlobal));
  markNetwork(define(globals, 'WebSocket', 'WebSocket', openByUrl));
  markNetwork(define(globals, 'EventSource', 'EventSource', openByUrl));
  fillNamespaces(machine, define);
  store.define(globals, 'Function', machine.codeConstructor);
  for (const name of ['globalThis', 'self', 'global', 'window'])
    store.define(globals, name, new Set([globals]));
  store.write(globals.prototypes, store.externalValue);
}

type Define = (owner: HeapObject, name: string, key: string, implementation: Implementation) => HeapObject;

function fillNamespaces(machine: Machine, define: Define): void {
  const { store, globals } = machine;
  const space = (name: string): HeapObject => {
    const object = store.newObject('plain', name);
    store.define(globals, name, new Set([object]));
    store.write(object.prototypes, store.externalValue);
    return object;
  };
  const reflect = space('Reflect');
  for (const [key, method] of Object.entries(REFLECT_STATICS)) define(reflect, `Reflect.${key}`, key, method);
  const process = space('process');
  store.define(process, 'env', new Set([machine.processEnvironment]));
  const byName: Implementation = (inner, call) =>
    union(
      ...keyNames(argument(call.args, 0)).map((name) => {
        if (name !== null) return inner.module(name);
        inner.unknown('import-computed', '', call.site);
        return inner.store.externalValue;
      }),
    );
  define(process, 'process.getBuiltinModule', 'getBuiltinModule', byName);
  define(globals, 'require', 'require', byName);
  const module = space('module');
  const exports = store.newObject('plain', 'exports');
  store.write(store.property(module, 'exports'), new Set([exports]));
  store.define(globals, 'exports', new Set([exports]));
  const deno = space('Deno');
  for (const name of ['connect', 'connectTls'])
    markNetwork(define(deno, `Deno.${name}`, name, connectSocket));
  const variables = space('Deno.env');
  store.define(deno, 'env', new Set([variables]));
  define(variables, 'Deno.env.get', 'get', (inner, call) =>
    union(
      ...keyNames(argument(call.args, 0)).map((name) =>
        name === null
          ? inner.getProperty(inner.processEnvironment, null, NOTHING, call.site)
          : readProcessBinding(inner, name, call.site),
      ),
    ),
  );
}

/** `Function`, by whatever way it is reached. */
export function codeConstructorOf(machine: Machine): Value {
  const object = machine.native('Function', (call) => makeFunction(machine, call));
  if (!object.properties.has('prototype')) {
    const prototype = machine.store.newObject('plain', 'Function.prototype');
    for (const [key, method] of Object.entries(FUNCTION_METHODS)) {
      const native = machine.native(`function#${key}`, (call) => method(machine, call));
      machine.store.define(prototype, key, new Set([native]));
    }
    machine.store.define(object, 'prototype', new Set([prototype]));
    machine.store.define(prototype, 'constructor', new Set([object]));
  }
  return new Set([object]);
}
