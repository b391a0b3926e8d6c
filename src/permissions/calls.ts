import { bindParameters } from './patterns.ts';
import { PRECISION } from './precision.ts';
import { kindOfBinding, useBinding } from './environment.ts';
import { callFramework } from './framework.ts';
import {
  NOTHING,
  type Arguments,
  type Frame,
  type HeapObject,
  type Native,
  type NativeCall,
  type Site,
  type Value,
} from './heap.ts';
import { argumentsOf, type Machine } from './machine.ts';
import { runFields } from './classes.ts';
import { promiseOf, settled } from './promises.ts';
import { union } from './store.ts';
import type { FunctionNode, SyntaxNode } from './syntax.ts';

const NATIVE_NESTING_MAX = 40;
/** Statements of one body that are evaluated together. */
const STATEMENTS_PER_TASK_MAX = 12;

/** What a call gives. Nothing recurses: bodies are evaluated later, and the caller again when they give more. */
export function call(machine: Machine, callee: Value, self: Value, args: Arguments, site: Site): Value {
  const results: Value[] = [];
  for (const atom of callee) {
    if (atom.kind !== 'object') continue;
    if (atom.native !== null) results.push(callNative(machine, atom.native, { self, args, site }));
    else if (atom.closure !== null) results.push(invoke(machine, atom, self, args, site));
    else if (atom === machine.framework) results.push(callFramework(machine, args, site));
    else if (atom.shape === 'external') {
      for (const value of args.list) machine.escape(value, site);
      machine.escape(args.rest, site);
      results.push(machine.store.externalValue);
    } else if (atom.shape === 'binding') {
      machine.unknown('operation-computed', atom.name, site);
      results.push(machine.store.externalValue);
    }
  }
  return union(...results);
}

/**
 * Natives call each other, as a bound function its target: not without end, and each call is a step, as a
 * function that is bound to itself in two ways calls twice as many on every level.
 */
function callNative(machine: Machine, native: Native, call: NativeCall): Value {
  machine.store.step();
  if (machine.nesting >= NATIVE_NESTING_MAX) {
    machine.unknown('code-too-deep', '', call.site);
    return machine.store.externalValue;
  }
  machine.nesting++;
  try {
    return native.call(call);
  } finally {
    machine.nesting--;
  }
}

/** Plans the body of a function with these arguments, and gives what is seen to come out of it so far. */
function invoke(machine: Machine, callee: HeapObject, self: Value, args: Arguments, site: Site): Value {
  const { closure } = callee;
  if (closure === null) return NOTHING;
  const frame = enter(machine, callee, closure.node, closure.frame, self, args, site);
  const result = machine.store.read(frame.result);
  const { node } = closure;
  if (node.generator) return new Set([generatorOf(machine, frame)]);
  if (!node.async) return result;
  return new Set([promiseOf(machine, frame, 'promise', result)]);
}

function generatorOf(machine: Machine, frame: Frame): HeapObject {
  const generator = machine.store.allocate(frame, 'generator', 'iterator');
  machine.store.write(generator.inner, settled(machine, machine.store.read(frame.yielded)));
  machine.store.write(machine.store.property(generator, '@@return'), machine.store.read(frame.result));
  return generator;
}

function enter(
  machine: Machine,
  callee: HeapObject,
  node: FunctionNode,
  parent: Frame,
  self: Value,
  args: Arguments,
  site: Site,
): Frame {
  const { store } = machine;
  const { frame, isNew } = store.frame(node, parent, contextOf(site, self, node), null);
  if (isNew)
    frame.generation = Math.max(parent.generation, generationOf(self), ...args.list.map(generationOf));
  frame.closure ??= callee;
  if (node.type === 'ArrowFunctionExpression') store.write(frame.self, NOTHING);
  else store.write(frame.self, self);
  for (const [index, value] of args.list.entries()) store.write(frame.argumentCell(index), value);
  store.write(frame.argumentsRest, args.rest);
  if (args.list.length < node.params.length && args.rest.size === 0) {
    for (let index = args.list.length; index < node.params.length; index++)
      store.write(frame.argumentCell(index), store.constant(undefined));
  }
  planBody(machine, node, frame);
  return frame;
}

/** Calls from one place with one receiver share a context, up to a few calls back. */
function contextOf(site: Site, self: Value, node: FunctionNode): string {
  const receivers = node.type === 'ArrowFunctionExpression' ? [] : [...self];
  const only = receivers.length === 1 ? receivers[0] : undefined;
  const receiver = only?.kind === 'object' && only.generation <= PRECISION.generations ? only.id : '';
  const own = `${site.node.start}.${site.node.end}${site.path}@${receiver}`;
  const before = site.frame.functionFrame.context.split(' ');
  return [own, ...before].slice(0, PRECISION.calls).join(' ');
}

function generationOf(value: Value): number {
  let generation = 0;
  for (const atom of value) if (atom.kind === 'object') generation = Math.max(generation, atom.generation);
  return generation;
}

function planBody(machine: Machine, node: FunctionNode, frame: Frame): void {
  const { store } = machine;
  store.task(frame, 'parameters', () => {
    bindParameters(machine, node, frame);
  });
  const { body } = node;
  if (body === null) return;
  if (body.type !== 'BlockStatement') {
    store.task(frame, 'body', () => {
      store.write(frame.result, machine.evaluate(body, frame));
    });
    return;
  }
  planStatements(machine, body.body, frame);
}

/** Statements do not depend on their order here, so that a long body is evaluated piece by piece. */
export function planStatements(machine: Machine, statements: readonly SyntaxNode[], frame: Frame): void {
  if (statements.length <= STATEMENTS_PER_TASK_MAX) {
    machine.store.task(frame, 'body', () => {
      for (const statement of statements) machine.execute(statement, frame);
    });
    return;
  }
  for (const statement of statements) {
    machine.store.task(frame, statement, () => {
      machine.execute(statement, frame);
    });
  }
}

/** What `new` gives. */
export function construct(machine: Machine, callee: Value, args: Arguments, site: Site): Value {
  const { store } = machine;
  const results: Value[] = [];
  for (const atom of callee) {
    if (atom.kind !== 'object') continue;
    if (atom.native !== null) {
      const native = atom.native.construct ?? atom.native.call;
      results.push(native({ self: NOTHING, args, site }));
      continue;
    }
    if (atom.shape === 'external') {
      results.push(call(machine, new Set([atom]), NOTHING, args, site));
      continue;
    }
    if (atom.closure === null && atom.classBody === null) continue;
    const object = store.allocate(site.frame, `new:${site.node.start}:${site.path}:${atom.id}`, 'plain');
    store.write(object.prototypes, store.read(store.property(atom, 'prototype')));
    results.push(new Set([object]), constructInto(machine, atom, object, args, site));
  }
  return union(...results);
}

/** Runs the constructor of a class (or function) on an object that is there already, as `super(…)` does. */
export function constructInto(
  machine: Machine,
  constructor: HeapObject,
  object: HeapObject,
  args: Arguments,
  site: Site,
): Value {
  const { store } = machine;
  const self = new Set([object]);
  if (constructor.native !== null) {
    const made = (constructor.native.construct ?? constructor.native.call)({ self, args, site });
    for (const atom of made) {
      if (atom.kind !== 'object' || atom === object) continue;
      if (object.shape === 'plain' && atom.shape !== 'external') object.shape = atom.shape;
      store.write(object.prototypes, new Set([atom]));
      store.write(object.inner, store.read(atom.inner));
    }
    return NOTHING;
  }
  if (constructor.shape === 'external') {
    call(machine, new Set([constructor]), self, args, site);
    store.write(object.prototypes, new Set([constructor]));
    // A class of the runtime calls what its children override, but does not look into their fields.
    store.task(object, 'methods', () => {
      escapeMethods(machine, object, site);
    });
    return NOTHING;
  }
  const { classBody } = constructor;
  if (classBody === null) return objectsOf(invoke(machine, constructor, self, args, site));
  runFields(machine, classBody, object, site);
  if (classBody.constructorFunction !== null)
    return objectsOf(invoke(machine, classBody.constructorFunction, self, args, site));
  if (classBody.parent === null) return NOTHING;
  const results: Value[] = [];
  for (const parent of store.read(classBody.parent)) {
    if (parent.kind === 'object') results.push(constructInto(machine, parent, object, args, site));
  }
  return union(...results);
}

function objectsOf(value: Value): Value {
  return new Set([...value].filter((atom) => atom.kind === 'object'));
}

/** Hands a value to code that is not seen: it may call every function in there, and use every binding. */
export function escape(machine: Machine, value: Value, site: Site): void {
  for (const atom of value) {
    if (atom.kind !== 'object') continue;
    switch (atom.shape) {
      case 'external':
      case 'process-environment':
      case 'request':
      case 'url':
        break;
      case 'environment':
        machine.unknown('environment-passed', 'env', site);
        break;
      case 'binding':
        // A name that nothing declares is reported where it is read.
        if (kindOfBinding(machine, atom.name) !== 'binding')
          machine.unknown('environment-passed', atom.name, site);
        break;
      case 'operation':
        if (atom.owner !== null)
          useBinding(machine, atom.owner.name, atom.name.slice(atom.owner.name.length + 1), {
            self: NOTHING,
            args: argumentsOf(machine.store.externalValue),
            site,
          });
        break;
      case 'network':
        machine.unknown('fetch-passed', atom.name, site);
        break;
      default:
        if (atom !== machine.globals)
          machine.store.task(atom, 'escape', () => {
            escapeObject(machine, atom, site);
          });
    }
  }
}

function escapeObject(machine: Machine, object: HeapObject, site: Site): void {
  const { store } = machine;
  const { externalValue } = store;
  const anything: Arguments = { list: [], rest: externalValue };
  if (object.closure !== null || object.native !== null)
    machine.escape(call(machine, new Set([object]), externalValue, anything, site), site);
  if (object.classBody !== null) machine.escape(construct(machine, new Set([object]), anything, site), site);
  store.read(object.keys);
  for (const cell of object.properties.values()) machine.escape(store.read(cell), site);
  for (const getter of object.getters.values()) {
    machine.escape(call(machine, store.read(getter), new Set([object]), argumentsOf(), site), site);
  }
  machine.escape(store.read(object.rest), site);
  machine.escape(store.read(object.inner), site);
  escapeMethods(machine, object, site);
}

/** Methods of classes are called on the object that escaped, not on their prototype. */
function escapeMethods(machine: Machine, object: HeapObject, site: Site): void {
  const { store } = machine;
  const self = new Set([object]);
  const seen = new Set<HeapObject>();
  const open = [...store.read(object.prototypes)];
  for (let atom = open.pop(); atom !== undefined; atom = open.pop()) {
    if (atom.kind !== 'object' || seen.has(atom)) continue;
    seen.add(atom);
    if (atom.shape === 'environment') machine.unknown('environment-passed', 'env', site);
    if (atom.shape !== 'plain') continue;
    store.read(atom.keys);
    for (const [key, cell] of atom.properties) {
      if (key === 'constructor') continue;
      const anything: Arguments = { list: [], rest: store.externalValue };
      machine.escape(call(machine, store.read(cell), self, anything, site), site);
    }
    open.push(...store.read(atom.prototypes));
  }
}
