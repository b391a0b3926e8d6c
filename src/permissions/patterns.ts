import { Cell, type Frame, type HeapObject, type Site, type Value } from './heap.ts';
import { argument, type Machine } from './machine.ts';
import { union } from './store.ts';
import type { FunctionNode, SyntaxNode } from './syntax.ts';

/** The cell of a variable; null for a global. */
export function variableCell(machine: Machine, identifier: SyntaxNode, frame: Frame): Cell | null {
  const declaration = machine.declarationOf(identifier);
  if (declaration === undefined) return null;
  let at = frame;
  while (at.node !== declaration.owner && at.parent !== null) at = at.parent;
  let cell = at.variables.get(declaration);
  if (cell === undefined) {
    cell = new Cell();
    at.variables.set(declaration, cell);
  }
  return cell;
}

/** Assigns to a variable, a member or a pattern of them. */
export function assign(machine: Machine, target: SyntaxNode, value: Value, frame: Frame): void {
  const site: Site = { node: target, frame, path: '' };
  switch (target.type) {
    case 'Identifier': {
      const cell = variableCell(machine, target, frame);
      if (cell !== null) machine.store.write(cell, value);
      else machine.setMember(new Set([machine.globals]), machine.store.constant(target.name), value, site);
      return;
    }
    case 'MemberExpression': {
      const receiver =
        target.object.type === 'Super'
          ? machine.store.read(frame.functionFrame.self)
          : machine.evaluate(target.object, frame);
      machine.setMember(receiver, memberKey(machine, target, frame), value, site);
      return;
    }
    case 'AssignmentPattern':
      assign(
        machine,
        target.left,
        orDefault(machine, value, () => machine.evaluate(target.right, frame)),
        frame,
      );
      return;
    case 'ObjectPattern':
      assignObject(machine, target, value, frame);
      return;
    case 'ArrayPattern':
      for (const [index, element] of target.elements.entries()) {
        if (element === null) continue;
        if (element.type === 'RestElement')
          assign(
            machine,
            element.argument,
            arrayFrom(machine, element, frame, itemsFrom(machine, value, index, site)),
            frame,
          );
        else assign(machine, element, itemAt(machine, value, index, site), frame);
      }
      return;
    case 'VariableDeclaration':
      for (const { id } of target.declarations) assign(machine, id, value, frame);
      return;
    case 'RestElement':
      assign(machine, target.argument, value, frame);
      return;
    default:
      machine.unknown('syntax-unsupported', target.type, site);
  }
}

export function memberKey(
  machine: Machine,
  node: Extract<SyntaxNode, { type: 'MemberExpression' }>,
  frame: Frame,
): Value {
  if (node.computed) return machine.evaluate(node.property, frame);
  const name = node.property.type === 'PrivateIdentifier' ? `#${node.property.name}` : node.property.name;
  return machine.store.constant(name);
}

/** The value, and the default where the value may be undefined. */
export function orDefault(machine: Machine, value: Value, initial: () => Value): Value {
  const undefinedAtom = machine.store.constantAtom(undefined);
  const mayBeUndefined =
    value.size === 0 ||
    value.has(undefinedAtom) ||
    [...value].some(
      (atom) => atom.kind === 'primitive' || (atom.kind === 'object' && atom.shape === 'external'),
    );
  if (!mayBeUndefined) return value;
  const kept = new Set(value);
  kept.delete(undefinedAtom);
  return union(kept, initial());
}

function assignObject(
  machine: Machine,
  pattern: Extract<SyntaxNode, { type: 'ObjectPattern' }>,
  value: Value,
  frame: Frame,
): void {
  for (const property of pattern.properties) {
    const site: Site = { node: property, frame, path: '' };
    if (property.type === 'RestElement') {
      assign(machine, property.argument, new Set([copyOf(machine, property, value, frame)]), frame);
      continue;
    }
    assign(
      machine,
      property.value,
      machine.getMember(value, propertyKey(machine, property, frame), site),
      frame,
    );
  }
}

/** Key of a property of a literal, pattern or class. */
export function propertyKey(
  machine: Machine,
  node: { readonly computed: boolean; readonly key: SyntaxNode },
  frame: Frame,
): Value {
  const { key } = node;
  if (!node.computed) {
    if (key.type === 'Identifier') return machine.store.constant(key.name);
    if (key.type === 'PrivateIdentifier') return machine.store.constant(`#${key.name}`);
  }
  if (key.type === 'Literal') return machine.store.constant(String(key.value));
  return machine.evaluate(key as Parameters<Machine['evaluate']>[0], frame);
}

/** A copy that shows the properties of the original through, so that what it is given later shows as well. */
export function copyOf(machine: Machine, place: unknown, value: Value, frame: Frame): HeapObject {
  const copy = machine.store.allocate(frame, place, 'plain');
  machine.store.write(copy.prototypes, new Set([...value].filter((atom) => atom.kind === 'object')));
  return copy;
}

export function arrayFrom(
  machine: Machine,
  place: unknown,
  frame: Frame,
  items: readonly Value[],
  rest?: Value,
): Value {
  const { store } = machine;
  const array = store.allocate(frame, place, 'array');
  for (const [index, item] of items.entries()) store.define(array, String(index), item);
  if (rest !== undefined) store.write(array.rest, rest);
  return new Set([array]);
}

function itemAt(machine: Machine, value: Value, index: number, site: Site): Value {
  const found: Value[] = [];
  for (const atom of value) {
    const own = new Set([atom]);
    if (atom.kind === 'object' && atom.shape === 'array')
      found.push(machine.getProperty(atom, String(index), own, site));
    else for (const element of machine.elements(own, site)) found.push(element.value);
  }
  return union(...found);
}

function itemsFrom(machine: Machine, value: Value, index: number, site: Site): Value[] {
  const known = machine.elements(value, site);
  const arrays = [...value].every((atom) => atom.kind === 'object' && atom.shape === 'array');
  return arrays && value.size === 1
    ? known.slice(index).map((element) => element.value)
    : [union(...known.map((element) => element.value))];
}

/** What parameter `index` is given. */
function parameterValue(machine: Machine, frame: Frame, index: number): Value {
  const list = frame.argumentCells.map((cell) => machine.store.read(cell));
  if (list[index] === undefined) list[index] = machine.store.read(frame.argumentCell(index));
  return argument({ list, rest: machine.store.read(frame.argumentsRest) }, index);
}

export function bindParameters(machine: Machine, node: FunctionNode, frame: Frame): void {
  if (node.type === 'FunctionExpression' && node.id !== null && frame.closure !== null)
    assign(machine, node.id, new Set([frame.closure]), frame);
  for (const [index, parameter] of node.params.entries()) {
    if (parameter.type === 'RestElement') {
      const array = machine.store.allocate(frame, parameter, 'array');
      for (const [position, cell] of frame.argumentCells.slice(index).entries())
        machine.store.define(array, String(position), machine.store.read(cell));
      machine.store.write(array.rest, machine.store.read(frame.argumentsRest));
      assign(machine, parameter.argument, new Set([array]), frame);
    } else if (parameter.type === 'TSParameterProperty') continue;
    else assign(machine, parameter, parameterValue(machine, frame, index), frame);
  }
}

/** `arguments`. */
export function argumentsObject(machine: Machine, frame: Frame): Value {
  const { store } = machine;
  let at = frame.functionFrame;
  while (at.node.type === 'ArrowFunctionExpression' && at.parent !== null) at = at.parent.functionFrame;
  const cells = at.argumentCells.map((cell) => store.read(cell));
  return arrayFrom(machine, 'arguments', at, cells, store.read(at.argumentsRest));
}
