import { defineMethod } from './classes.ts';
import type { Frame, Value } from './heap.ts';
import type { Machine } from './machine.ts';
import { propertyKey } from './patterns.ts';
import { keyNames, union } from './store.ts';
import type { Oxc } from './syntax.ts';

export function objectLiteral(machine: Machine, node: Oxc.ObjectExpression, frame: Frame): Value {
  const { store } = machine;
  const object = store.allocate(frame, node, 'plain');
  const hasSpread = node.properties.some((property) => property.type === 'SpreadElement');
  for (const property of node.properties) {
    if (property.type === 'SpreadElement') {
      const value = machine.evaluate(property.argument, frame);
      store.write(object.prototypes, new Set([...value].filter((atom) => atom.kind === 'object')));
      continue;
    }
    if (property.kind !== 'init' || property.method) {
      defineMethod(machine, object, property, frame);
      continue;
    }
    const value = machine.evaluate(property.value, frame);
    for (const key of keyNames(propertyKey(machine, property, frame))) {
      if (key === null) {
        store.write(object.keys, store.primitiveValue);
        store.write(object.rest, value);
      } else if (key === '__proto__' && !property.computed && !property.shorthand)
        store.write(object.prototypes, value);
      else if (hasSpread) {
        store.write(object.keys, store.constant(key));
        store.write(store.property(object, key), value);
      } else store.define(object, key, value);
    }
  }
  return new Set([object]);
}

export function arrayLiteral(machine: Machine, node: Oxc.ArrayExpression, frame: Frame): Value {
  const { store } = machine;
  const array = store.allocate(frame, node, 'array');
  let index = 0;
  let isOpen = false;
  for (const element of node.elements) {
    if (element === null) index++;
    else if (element.type === 'SpreadElement') {
      const value = machine.evaluate(element.argument, frame);
      for (const item of machine.elements(value, { node: element, frame, path: '' }))
        store.write(array.rest, item.value);
      isOpen = true;
    } else {
      const value = machine.evaluate(element, frame);
      if (isOpen) store.write(array.rest, value);
      else store.define(array, String(index++), value);
    }
  }
  return union(new Set([array]));
}
