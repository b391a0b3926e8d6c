import type { HeapObject, NativeCall, Site, Value } from './heap.ts';
import type { Capability, Known } from './finding.ts';
import { argument, type Machine } from './machine.ts';
import { knownTexts, union } from './store.ts';

/** Operation of a grant that each method of a binding needs. */
const OPERATIONS: Readonly<
  Record<'kv' | 'bucket' | 'queue' | 'service' | 'pipe', Readonly<Record<string, string>>>
> = {
  kv: { get: 'get', getWithMetadata: 'get', put: 'put', delete: 'delete', list: 'list' },
  bucket: {
    get: 'get',
    head: 'head',
    put: 'put',
    delete: 'delete',
    list: 'list',
    createMultipartUpload: 'put',
    resumeMultipartUpload: 'put',
  },
  queue: { send: 'send', sendBatch: 'send' },
  service: { fetch: 'fetch' },
  pipe: { send: 'send', sendBatch: 'send' },
};

/** Kind that a method alone gives away. */
const KIND_OF_METHOD: Readonly<Record<string, Capability>> = {
  getWithMetadata: 'kv',
  head: 'bucket',
  createMultipartUpload: 'bucket',
  resumeMultipartUpload: 'bucket',
  send: 'queue',
  sendBatch: 'queue',
  fetch: 'service',
};

/** A type of event: what is sent to a queue first looks like one only by chance. */
const DOTTED_TYPE = /^[a-z0-9]+(?:\.[a-z0-9]+)+$/;
const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Read of any object by the language or by libraries that ask what they were given. */
const KEYS_OF_ANY_OBJECT: ReadonlySet<string> = new Set([
  'then',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'toJSON',
  'hasOwnProperty',
  'length',
  'undefined',
  'null',
]);

export function kindOfBinding(machine: Machine, name: string): Capability | 'variable' {
  const { grants, vars } = machine;
  for (const kind of ['kv', 'bucket', 'queue', 'service', 'pipe', 'secret'] as const)
    if (Object.hasOwn(grants[kind], name)) return kind;
  return Object.hasOwn(vars, name) ? 'variable' : 'binding';
}

/** What `env[name]` is. Reading a secret, or a name that nothing declares, is a use. */
export function readBinding(machine: Machine, name: string, site: Site): Value {
  const { store } = machine;
  // A name that no grant can have is never there.
  if (!BINDING.test(name)) return new Set();
  const kind = kindOfBinding(machine, name);
  if (kind === 'variable') return store.constant(machine.vars[name] ?? '');
  if (kind === 'secret') {
    machine.use({ capability: 'secret', binding: name, operation: 'read', resource: null }, site);
    return store.primitiveValue;
  }
  if (kind === 'binding')
    machine.use({ capability: 'binding', binding: name, operation: 'read', resource: null }, site);
  return new Set([bindingObject(machine, name)]);
}

export function readProcessBinding(machine: Machine, name: string, site: Site): Value {
  const kind = kindOfBinding(machine, name);
  if (kind === 'variable') return machine.store.constant(machine.vars[name] ?? '');
  if (kind === 'secret')
    machine.use({ capability: 'secret', binding: name, operation: 'read', resource: null }, site);
  return union(machine.store.primitiveValue, machine.store.constant(undefined));
}

function bindingObject(machine: Machine, name: string): HeapObject {
  const { store, environment } = machine;
  const known = [...store.property(environment, `@@binding:${name}`).atoms][0];
  if (known?.kind === 'object') return known;
  const object = store.newObject('binding', name);
  store.write(store.property(environment, `@@binding:${name}`), new Set([object]));
  return object;
}

/** The method `key` of a binding, which records what it is called with; null for what every object has. */
export function bindingMethod(machine: Machine, binding: HeapObject, key: string): HeapObject | null {
  if (KEYS_OF_ANY_OBJECT.has(key) || key.startsWith('@@')) return null;
  const operation = machine.native(`${binding.name}.${key}`, (call) => {
    useBinding(machine, binding.name, key, call);
    return machine.store.externalValue;
  });
  operation.shape = 'operation';
  operation.owner = binding;
  return operation;
}

/** Records a call of a method of a binding. `call` is null when the arguments cannot be seen. */
export function useBinding(machine: Machine, binding: string, method: string, call: NativeCall): void {
  const kind = kindOfBinding(machine, binding);
  const declared = isDeclared(kind) ? kind : null;
  const capability = declared ?? kindOfCall(method, call);
  const operation = operationOf(declared, method);
  if (operation === null) {
    // Stores, buckets and queues have no other methods, so that such a call fails.
    if (declared !== null && declared !== 'service') return;
    machine.unknown('operation-computed', `${binding}.${method}`, call.site);
    return;
  }
  const resources =
    capability === 'pipe' ? typesOf(machine, method, call) : resourcesOf(machine, operation, call);
  if (resources.length === 0)
    machine.useUnlessSeen({ capability, binding, operation, resource: null }, call.site);
  for (const resource of resources) machine.use({ capability, binding, operation, resource }, call.site);
  for (const value of call.args.list) machine.escape(value, call.site);
}

/** The kind of a binding that nothing declares, as far as a call of it shows one. */
function kindOfCall(method: string, { args }: NativeCall): Capability {
  const known = method === 'send' && args.list.length > 1 ? knownTexts(argument(args, 0)) : [];
  const isPipe = known.length > 0 && known.every(({ text, whole }) => whole && DOTTED_TYPE.test(text));
  return isPipe ? 'pipe' : (KIND_OF_METHOD[method] ?? 'binding');
}

function isDeclared(kind: Capability | 'variable'): kind is keyof typeof OPERATIONS {
  return Object.hasOwn(OPERATIONS, kind);
}

/** Types of the events of a `send` or `sendBatch`; none when nothing is seen to flow there yet. */
function typesOf(machine: Machine, method: string, call: NativeCall): (Known | null)[] {
  const first = argument(call.args, 0);
  const { store } = machine;
  const types =
    method === 'send'
      ? [first]
      : machine
          .elements(first, call.site)
          .map(({ value }) => machine.getMember(value, store.constant('type'), call.site));
  return types.flatMap((value) => {
    const known = knownTexts(value);
    if (known.length === 0) return value.size > 0 ? [null] : [];
    return known.map((type) => (type.text === '' ? null : type));
  });
}

function operationOf(declared: keyof typeof OPERATIONS | null, method: string): string | null {
  const tables = declared === null ? Object.values(OPERATIONS) : [OPERATIONS[declared]];
  for (const table of tables) if (Object.hasOwn(table, method)) return table[method] ?? null;
  return null;
}

/** Keys of a call; none when nothing is seen to flow there yet. */
function resourcesOf(machine: Machine, operation: string, call: NativeCall): (Known | null)[] {
  const { store } = machine;
  if (operation === 'send' || operation === 'fetch') return [null];
  if (operation === 'list') {
    const prefixes = knownTexts(
      machine.getMember(argument(call.args, 0), store.constant('prefix'), call.site),
    );
    return prefixes.length === 0
      ? [null]
      : prefixes.map(({ text }) => (text === '' ? null : { text, whole: false }));
  }
  const keys = new Set(argument(call.args, 0));
  for (const atom of argument(call.args, 0)) {
    if (atom.kind !== 'object' || atom.shape !== 'array') continue;
    keys.delete(atom);
    for (const { value } of machine.elements(new Set([atom]), call.site))
      for (const key of value) keys.add(key);
  }
  if (call.args.list.length === 0) return [null];
  const known = knownTexts(keys);
  return known.length === 0 && keys.size > 0 ? [null] : known.map((text) => (text.text === '' ? null : text));
}
