import { NOTHING, type Arguments, type NativeCall, type Value } from '../heap.ts';
import {
  argument,
  argumentsOf,
  rounds,
  siteBelow,
  type Element,
  type Implementation,
  type Machine,
} from '../machine.ts';
import { concatenate } from '../operators.ts';
import { arrayFrom } from '../patterns.ts';
import { settled } from '../promises.ts';
import { union } from '../store.ts';

function placeOf(call: NativeCall, name: string): string {
  return `${name}:${call.site.node.start}:${call.site.node.end}:${call.site.path}`;
}

function elementsOf(machine: Machine, call: NativeCall): readonly Element[] {
  return machine.elements(call.self, call.site);
}

/** Calls the callback for every element, and gives what it gives. */
function each(machine: Machine, call: NativeCall): Element[] {
  const callback = argument(call.args, 0);
  return rounds(elementsOf(machine, call), call.site.frame.rounds).map((element) => {
    const index = /^\d+$/.test(element.name)
      ? machine.store.constant(Number(element.name))
      : machine.store.primitiveValue;
    const args = argumentsOf(element.value, index, call.self);
    const value = machine.call(callback, argument(call.args, 1), args, siteBelow(call.site, element.name));
    return { name: element.name, value };
  });
}

function all(elements: readonly Element[]): Value {
  return union(...elements.map((element) => element.value));
}

/** A new array of these elements, in order where that is known. */
export function arrayOf(
  machine: Machine,
  call: NativeCall,
  name: string,
  elements: readonly Element[],
): Value {
  const ordered = elements.every((element) => !element.name.startsWith('*'));
  const place = placeOf(call, name);
  if (ordered)
    return arrayFrom(
      machine,
      place,
      call.site.frame,
      elements.map((element) => element.value),
    );
  const array = machine.store.allocate(call.site.frame, place, 'array');
  for (const element of elements) machine.store.write(array.rest, element.value);
  return new Set([array]);
}

export function iteratorOf(machine: Machine, call: NativeCall, name: string, value: Value): Value {
  const iterator = machine.store.allocate(call.site.frame, placeOf(call, name), 'iterator');
  machine.store.write(iterator.inner, value);
  return new Set([iterator]);
}

function pushed(machine: Machine, call: NativeCall, values: Value): Value {
  for (const atom of call.self) {
    if (atom.kind !== 'object' || atom.shape === 'external') continue;
    machine.store.write(atom.rest, values);
    machine.store.write(atom.keys, machine.store.primitiveValue);
  }
  return machine.store.primitiveValue;
}

function reduce(machine: Machine, call: NativeCall): Value {
  const { store } = machine;
  const holder = store.allocate(call.site.frame, placeOf(call, 'reduce'), 'plain');
  const elements = rounds(elementsOf(machine, call), call.site.frame.rounds);
  const initial = call.args.list.length > 1 ? argument(call.args, 1) : (elements[0]?.value ?? NOTHING);
  if (elements.every((element) => !element.name.startsWith('*'))) {
    const skipped = call.args.list.length > 1 ? elements : elements.slice(1);
    return skipped.reduce((sum, element) => {
      const args = argumentsOf(sum, element.value, store.primitiveValue, call.self);
      return machine.call(argument(call.args, 0), NOTHING, args, siteBelow(call.site, element.name));
    }, initial);
  }
  store.write(holder.inner, initial);
  for (const element of elements) {
    const args = argumentsOf(store.read(holder.inner), element.value, store.primitiveValue, call.self);
    store.write(
      holder.inner,
      machine.call(argument(call.args, 0), NOTHING, args, siteBelow(call.site, element.name)),
    );
  }
  return store.read(holder.inner);
}

function slice(machine: Machine, call: NativeCall): Value {
  const elements = elementsOf(machine, call);
  const starts = [...argument(call.args, 0)];
  const only = starts[0];
  const start =
    starts.length === 1 && only?.kind === 'constant' && typeof only.value === 'number' ? only.value : null;
  const ordered = elements.every((element) => !element.name.startsWith('*'));
  if (ordered && (starts.length === 0 || (start !== null && start >= 0)) && call.args.list.length < 2)
    return arrayOf(machine, call, 'slice', elements.slice(start ?? 0));
  return arrayOf(machine, call, 'slice', [{ name: '*', value: all(elements) }]);
}

function concat(machine: Machine, call: NativeCall): Value {
  const parts: Element[] = [...elementsOf(machine, call)];
  for (const value of [...call.args.list, call.args.rest]) {
    const arrays = new Set([...value].filter((atom) => atom.kind === 'object' && atom.shape === 'array'));
    const items = new Set([...value].filter((atom) => !arrays.has(atom)));
    parts.push(...machine.elements(arrays, call.site));
    if (items.size > 0) parts.push({ name: arrays.size > 0 ? '*' : '0', value: items });
  }
  return arrayOf(machine, call, 'concat', parts);
}

function flat(machine: Machine, call: NativeCall): Value {
  const inner = elementsOf(machine, call).flatMap(({ value }) => {
    const arrays = new Set([...value].filter((atom) => atom.kind === 'object' && atom.shape === 'array'));
    const items = new Set([...value].filter((atom) => !arrays.has(atom)));
    return [...machine.elements(arrays, call.site).map((element) => element.value), items];
  });
  return arrayOf(machine, call, 'flat', [{ name: '*', value: union(...inner) }]);
}

function join(machine: Machine, call: NativeCall): Value {
  const elements = elementsOf(machine, call);
  if (elements.some((element) => element.name.startsWith('*'))) return machine.store.primitiveValue;
  const separator = call.args.list.length === 0 ? machine.store.constant(',') : argument(call.args, 0);
  let text = machine.store.constant('');
  for (const [index, element] of elements.entries()) {
    if (index > 0) text = concatenate(machine, text, separator, true);
    text = concatenate(machine, text, element.value, true);
  }
  return text;
}

const primitive: Implementation = (machine) => machine.store.primitiveValue;
const test: Implementation = (machine, call) => {
  each(machine, call);
  return machine.store.primitiveValue;
};
const find: Implementation = (machine, call) => {
  each(machine, call);
  return union(all(elementsOf(machine, call)), machine.store.constant(undefined));
};
const any: Implementation = (machine, call) =>
  union(all(elementsOf(machine, call)), machine.store.constant(undefined));
const copy: Implementation = (machine, call) =>
  arrayOf(machine, call, 'copy', [{ name: '*', value: all(elementsOf(machine, call)) }]);
const sorted: Implementation = (machine, call) => {
  const value = all(elementsOf(machine, call));
  machine.call(argument(call.args, 0), NOTHING, argumentsOf(value, value), call.site);
  pushed(machine, call, value);
  return arrayOf(machine, call, 'sorted', [{ name: '*', value }]);
};

export const ARRAY_METHODS: Readonly<Record<string, Implementation>> = {
  forEach: (machine, call) => {
    each(machine, call);
    return machine.store.constant(undefined);
  },
  map: (machine, call) => arrayOf(machine, call, 'map', each(machine, call)),
  flatMap: (machine, call) => {
    const given = each(machine, call).map(({ name, value }) => ({ name, value }));
    return flat(machine, { ...call, self: arrayOf(machine, call, 'flatMap', given) });
  },
  filter: (machine, call) => {
    each(machine, call);
    return copy(machine, call);
  },
  find,
  findLast: find,
  some: test,
  every: test,
  findIndex: test,
  findLastIndex: test,
  includes: primitive,
  indexOf: primitive,
  lastIndexOf: primitive,
  reduce,
  reduceRight: (machine, call) => reduce(machine, { ...call, self: sorted(machine, call) }),
  at: any,
  pop: any,
  shift: any,
  push: (machine, call) => pushed(machine, call, union(...call.args.list, call.args.rest)),
  unshift: (machine, call) =>
    pushed(machine, call, union(...call.args.list, call.args.rest, all(elementsOf(machine, call)))),
  splice: (machine, call) => {
    pushed(machine, call, union(...call.args.list, call.args.rest, all(elementsOf(machine, call))));
    return copy(machine, call);
  },
  fill: (machine, call) => {
    pushed(machine, call, argument(call.args, 0));
    return call.self;
  },
  slice,
  concat,
  flat,
  join,
  toString: primitive,
  reverse: sorted,
  sort: sorted,
  toReversed: copy,
  toSorted: sorted,
  toSpliced: (machine, call) =>
    arrayOf(machine, call, 'copy', [
      { name: '*', value: union(all(elementsOf(machine, call)), ...call.args.list) },
    ]),
  with: (machine, call) =>
    arrayOf(machine, call, 'copy', [
      { name: '*', value: union(all(elementsOf(machine, call)), argument(call.args, 1)) },
    ]),
  keys: (machine, call) => iteratorOf(machine, call, 'keys', machine.store.primitiveValue),
  values: (machine, call) => iteratorOf(machine, call, 'values', all(elementsOf(machine, call))),
  '@@iterator': (machine, call) => iteratorOf(machine, call, 'values', all(elementsOf(machine, call))),
  entries: (machine, call) => {
    const pairs = elementsOf(machine, call).map((element) =>
      arrayFrom(machine, placeOf(call, `entry:${element.name}`), call.site.frame, [
        /^\d+$/.test(element.name)
          ? machine.store.constant(Number(element.name))
          : machine.store.primitiveValue,
        element.value,
      ]),
    );
    return iteratorOf(machine, call, 'entries', union(...pairs));
  },
};

/** Methods that iterators share with arrays. */
export const ITERATOR_METHODS: Readonly<Record<string, Implementation>> = {
  next: (machine, call) => {
    const { store } = machine;
    const result = store.allocate(call.site.frame, placeOf(call, 'next'), 'plain');
    for (const atom of call.self) {
      if (atom.kind !== 'object') continue;
      store.write(store.property(atom, '@@sent'), argument(call.args, 0));
      store.write(
        store.property(result, 'value'),
        union(store.read(atom.inner), store.read(store.property(atom, '@@return'))),
      );
    }
    store.define(result, 'done', store.primitiveValue);
    return new Set([result]);
  },
  return: (machine) => machine.store.externalValue,
  throw: (machine, call) => {
    machine.store.write(machine.thrown, argument(call.args, 0));
    return machine.store.externalValue;
  },
  '@@iterator': (_machine, call) => call.self,
  '@@asyncIterator': (_machine, call) => call.self,
  toArray: copy,
  take: (_machine, call) => call.self,
  drop: (_machine, call) => call.self,
  forEach: (machine, call) => {
    each(machine, call);
    return machine.store.constant(undefined);
  },
  map: (machine, call) => iteratorOf(machine, call, 'map', all(each(machine, call))),
  flatMap: (machine, call) => {
    const inner = each(machine, call).flatMap(({ value }) => machine.elements(value, call.site));
    return iteratorOf(machine, call, 'flatMap', all(inner));
  },
  filter: (machine, call) => {
    each(machine, call);
    return call.self;
  },
  find,
  some: test,
  every: test,
  reduce,
};

function from(machine: Machine, call: NativeCall): Value {
  const source = argument(call.args, 0);
  const iterable = [...source].some((atom) => atom.kind === 'object' && atom.shape !== 'plain');
  const elements = machine.elements(source, call.site);
  const listed =
    iterable || elements.length > 0 ? elements : [{ name: '*', value: arrayLike(machine, source, call) }];
  if (call.args.list.length < 2) return arrayOf(machine, call, 'from', listed);
  const self = arrayOf(machine, call, 'source', listed);
  return arrayOf(machine, call, 'from', each(machine, { ...call, self, args: sliceArguments(call.args) }));
}

function arrayLike(machine: Machine, source: Value, call: NativeCall): Value {
  return machine.getMember(source, machine.store.primitiveValue, call.site);
}

function sliceArguments(args: Arguments): Arguments {
  return { list: args.list.slice(1), rest: args.rest };
}

export const ARRAY_STATICS: Readonly<Record<string, Implementation>> = {
  from,
  fromAsync: (machine, call) => settled(machine, from(machine, call)),
  of: (machine, call) =>
    arrayFrom(machine, placeOf(call, 'of'), call.site.frame, call.args.list, call.args.rest),
  isArray: primitive,
};
