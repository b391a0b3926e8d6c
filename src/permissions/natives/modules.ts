import { NOTHING, type HeapObject, type Value } from '../heap.ts';
import { argument, argumentsFrom, type Implementation, type Machine } from '../machine.ts';
import { union } from '../store.ts';
import { connectSocket, constructSocket, httpRequest, markNetwork, openUnseen } from './network.ts';

/** Functions of modules of the runtime that open connections. */
const NETWORK: Readonly<Record<string, Readonly<Record<string, Implementation>>>> = {
  http: { request: httpRequest('http', null), get: httpRequest('http', 'GET') },
  https: { request: httpRequest('https', null), get: httpRequest('https', 'GET') },
  net: { connect: connectSocket, createConnection: connectSocket, Socket: constructSocket },
  tls: { connect: connectSocket, TLSSocket: constructSocket },
  http2: { connect: openUnseen },
  dgram: { createSocket: openUnseen },
  child_process: { spawn: openUnseen, exec: openUnseen, fork: openUnseen, execFile: openUnseen },
  worker_threads: { Worker: openUnseen },
};

/** A module of the runtime, as its namespace. What is not known of it is unseen code. */
export function runtimeModule(machine: Machine, specifier: string): Value {
  if (specifier === 'cloudflare:workers') return new Set([workersModule(machine)]);
  if (specifier === 'cloudflare:sockets')
    return new Set([namespace(machine, specifier, { connect: connectSocket })]);
  const name = specifier.replace(/^node:/, '');
  if (name === 'async_hooks') return new Set([asyncModule(machine)]);
  if (name === 'vm') return new Set([namespace(machine, 'vm', codeFunctions)]);
  if (name === 'process')
    return machine.getMember(new Set([machine.globals]), machine.store.constant('process'), {
      node: PLACELESS,
      frame: machine.root,
      path: '',
    });
  const functions = Object.hasOwn(NETWORK, name) ? NETWORK[name] : undefined;
  return functions === undefined
    ? machine.store.externalValue
    : new Set([namespace(machine, name, functions)]);
}

const PLACELESS = { type: 'EmptyStatement', start: 0, end: 0 } as const;

const generated: Implementation = (machine, call) => {
  machine.unknown('code-generated', '', call.site);
  return machine.store.externalValue;
};

const codeFunctions = {
  runInThisContext: generated,
  runInNewContext: generated,
  runInContext: generated,
  compileFunction: generated,
  Script: generated,
};

function namespace(
  machine: Machine,
  name: string,
  functions: Readonly<Record<string, Implementation>>,
): HeapObject {
  const { store } = machine;
  const module = machine.native(`module ${name}`, () => NOTHING);
  if (module.shape === 'plain') return module;
  module.shape = 'plain';
  module.native = null;
  for (const [key, implementation] of Object.entries(functions)) {
    const object = machine.native(`${name}.${key}`, (call) => implementation(machine, call));
    store.define(module, key, new Set([markNetwork(object)]));
  }
  store.define(module, 'default', new Set([module]));
  store.write(module.prototypes, store.externalValue);
  return module;
}

function workersModule(machine: Machine): HeapObject {
  const { store } = machine;
  const module = namespace(machine, 'cloudflare:workers', {});
  store.define(module, 'env', new Set([machine.environment]));
  for (const name of ['WorkerEntrypoint', 'DurableObject', 'WorkflowEntrypoint', 'RpcTarget']) {
    const base = machine.native(`workers.${name}`, (call) => {
      const made = store.allocate(call.site.frame, `${name}:${call.site.node.start}`, 'plain');
      store.define(made, 'env', union(argument(call.args, 1), new Set([machine.environment])));
      store.define(made, 'ctx', union(argument(call.args, 0), store.externalValue));
      return new Set([made]);
    });
    store.define(module, name, new Set([base]));
  }
  return module;
}

const STORE_METHODS: Readonly<Record<string, Implementation>> = {
  run: (machine, call) => {
    keep(machine, call.self, argument(call.args, 0));
    return machine.call(argument(call.args, 1), NOTHING, argumentsFrom(call.args, 2), call.site);
  },
  enterWith: (machine, call) => {
    keep(machine, call.self, argument(call.args, 0));
    return machine.store.constant(undefined);
  },
  exit: (machine, call) =>
    machine.call(argument(call.args, 0), NOTHING, argumentsFrom(call.args, 1), call.site),
  getStore: (machine, call) =>
    union(
      machine.store.constant(undefined),
      ...[...call.self].map((atom) => (atom.kind === 'object' ? machine.store.read(atom.inner) : NOTHING)),
    ),
  disable: (machine) => machine.store.constant(undefined),
};

function keep(machine: Machine, self: Value, value: Value): void {
  for (const atom of self) if (atom.kind === 'object') machine.store.write(atom.inner, value);
}

function asyncModule(machine: Machine): HeapObject {
  const { store } = machine;
  const module = namespace(machine, 'async_hooks', {});
  const constructor = machine.native('AsyncLocalStorage', (call) => {
    const place = `store:${call.site.node.start}:${call.site.path}`;
    return new Set([store.allocate(call.site.frame, place, 'store')]);
  });
  store.define(
    constructor,
    'bind',
    new Set([machine.native('AsyncLocalStorage.bind', (call) => argument(call.args, 0))]),
  );
  store.define(module, 'AsyncLocalStorage', new Set([constructor]));
  return module;
}

const SOCKET_METHODS: Readonly<Record<string, Implementation>> = { connect: connectSocket };

export { SOCKET_METHODS, STORE_METHODS };
