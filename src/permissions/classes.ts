import type { ClassBody, FieldInitializer, Frame, HeapObject, Site, Value } from './heap.ts';
import type { Machine } from './machine.ts';
import { propertyKey } from './patterns.ts';
import { keyNames } from './store.ts';
import type { ClassNode, FrameNode, FunctionNode, Oxc } from './syntax.ts';

/** The object of a function where it is defined. `home` is what `super` starts from. */
export function functionObject(
  machine: Machine,
  node: FunctionNode,
  frame: Frame,
  home: HeapObject | null = null,
): HeapObject {
  const { store } = machine;
  const known = frame.objects.get(node);
  if (known !== undefined) return known;
  const object = store.allocate(frame, node, 'function', node.id?.name ?? '');
  object.closure = { node, frame, home };
  if (node.type !== 'ArrowFunctionExpression' && home === null) {
    const prototype = store.allocate(frame, `prototype:${node.start}`, 'plain');
    store.write(store.property(prototype, 'constructor'), new Set([object]));
    store.write(store.property(object, 'prototype'), new Set([prototype]));
  }
  return object;
}

/** Evaluates a class: its parent, methods, static fields and blocks. Instance fields wait for `new`. */
export function classObject(machine: Machine, node: ClassNode, frame: Frame): HeapObject {
  const { store } = machine;
  const object = store.allocate(frame, node, 'function', node.id?.name ?? '');
  const prototype = store.allocate(frame, `prototype:${node.start}`, 'plain');
  const parent = node.superClass === null ? null : machine.evaluate(node.superClass, frame);
  const fields: FieldInitializer[] = [];
  let constructorFunction: HeapObject | null = null;
  const statics: (() => void)[] = [];
  for (const member of node.body.body) {
    if (member.type === 'MethodDefinition') {
      if (member.kind === 'constructor')
        constructorFunction = functionObject(machine, member.value, frame, prototype);
      else defineMethod(machine, member.static ? object : prototype, member, frame);
    } else if (member.type === 'PropertyDefinition') {
      const field = { node: member, key: propertyKey(machine, member, frame), value: member.value };
      if (member.static) statics.push(() => runField(machine, field, object, frame, ''));
      else fields.push(field);
    } else if (member.type === 'StaticBlock') {
      statics.push(() => {
        const inner = bodyFrame(machine, member, frame, object, '');
        for (const statement of member.body) machine.execute(statement, inner);
      });
    } else machine.unknown('syntax-unsupported', member.type, { node: member, frame, path: '' });
  }
  const parentCell =
    object.classBody?.parent ?? (parent === null ? null : store.property(object, '@@parent'));
  object.classBody = { frame, fields, constructorFunction, parent: parentCell, prototype };
  if (parentCell !== null && parent !== null) inherit(machine, object, prototype, parent);
  store.write(store.property(object, 'prototype'), new Set([prototype]));
  store.define(prototype, 'constructor', new Set([object]));
  for (const run of statics) run();
  return object;
}

function inherit(machine: Machine, object: HeapObject, prototype: HeapObject, parent: Value): void {
  const { store } = machine;
  store.write(store.property(object, '@@parent'), parent);
  store.write(object.prototypes, parent);
  for (const atom of parent) {
    if (atom.kind === 'object' && atom.shape !== 'external')
      store.write(prototype.prototypes, store.read(store.property(atom, 'prototype')));
  }
}

type Method = Oxc.MethodDefinition | Oxc.ObjectProperty;

/** Defines a method, getter or setter on an object. */
export function defineMethod(machine: Machine, object: HeapObject, member: Method, frame: Frame): void {
  const { store } = machine;
  const { value } = member;
  if (value.type !== 'FunctionExpression') return;
  const method = new Set([functionObject(machine, value, frame, object)]);
  for (const name of keyNames(propertyKey(machine, member, frame))) {
    if (name === null) {
      store.write(object.keys, store.primitiveValue);
      store.write(object.rest, method);
    } else if (member.kind === 'get' || member.kind === 'set')
      accessor(machine, object, member.kind, name, method);
    else store.define(object, name, method);
  }
}

/** Makes reading (or writing) a key call a function. */
export function accessor(
  machine: Machine,
  object: HeapObject,
  kind: 'get' | 'set',
  name: string,
  method: Value,
): void {
  const { store } = machine;
  const table = kind === 'get' ? object.getters : object.setters;
  let cell = table.get(name);
  if (cell === undefined) {
    cell = store.property(store.newObject('plain', 'accessor'), name);
    table.set(name, cell);
  }
  store.write(cell, method);
  store.write(object.keys, store.constant(name));
}

/** Runs the field initializers of a class on a new object. */
export function runFields(machine: Machine, body: ClassBody, object: HeapObject, site: Site): void {
  for (const field of body.fields)
    runField(machine, field, object, body.frame, `${site.frame.functionFrame.context}:${object.id}`);
}

function runField(
  machine: Machine,
  field: FieldInitializer,
  object: HeapObject,
  parent: Frame,
  context: string,
): void {
  const { store } = machine;
  const frame = bodyFrame(machine, field.node, parent, object, `${object.id} ${context}`);
  const value =
    field.value === null
      ? store.constant(undefined)
      : machine.evaluate(field.value as Parameters<Machine['evaluate']>[0], frame);
  for (const name of keyNames(field.key)) {
    if (name === null) store.write(object.rest, value);
    else {
      store.write(object.keys, store.constant(name));
      store.write(store.property(object, name), value);
    }
  }
}

function bodyFrame(
  machine: Machine,
  node: FrameNode,
  parent: Frame,
  self: HeapObject,
  context: string,
): Frame {
  const { frame } = machine.store.frame(node, parent, context, null);
  machine.store.write(frame.self, new Set([self]));
  return frame;
}

/** `this`: arrow functions take that of the code around them. */
export function thisValue(machine: Machine, frame: Frame): Value {
  let at = frame.functionFrame;
  while (at.node.type === 'ArrowFunctionExpression' && at.parent !== null) at = at.parent.functionFrame;
  return machine.store.read(at.self);
}

/** The object whose prototype `super` means, and the class whose parent `super()` calls. */
export function homeOf(frame: Frame): HeapObject | null {
  let at = frame.functionFrame;
  while (at.node.type === 'ArrowFunctionExpression' && at.parent !== null) at = at.parent.functionFrame;
  return at.closure?.closure?.home ?? null;
}
