import { NOTHING, type HeapObject } from '../heap.ts';
import { argument, argumentsFrom, type Implementation, type Machine } from '../machine.ts';
import { union } from '../store.ts';
import type { Arguments, Site, Value } from '../heap.ts';

export const FUNCTION_METHODS: Readonly<Record<string, Implementation>> = {
  call: (machine, { self, args, site }) =>
    machine.call(self, argument(args, 0), argumentsFrom(args, 1), site),
  apply: (machine, { self, args, site }) =>
    machine.call(self, argument(args, 0), spread(machine, argument(args, 1), site), site),
  bind: (machine, { self, args, site }) => new Set([bound(machine, self, args, site)]),
  toString: (machine: Machine) => machine.store.primitiveValue,
};

/** Arguments from an array. */
export function spread(machine: Machine, value: Value, site: Site): Arguments {
  const elements = machine.elements(value, site);
  const isOpen = elements.some(({ name }) => name.startsWith('*'));
  if (isOpen) return { list: [], rest: union(...elements.map((element) => element.value)) };
  return { list: elements.map((element) => element.value), rest: NOTHING };
}

function bound(machine: Machine, target: Value, args: Arguments, site: Site): HeapObject {
  const { store } = machine;
  const object = store.allocate(
    site.frame,
    `bind:${site.node.start}:${site.node.end}:${site.path}`,
    'function',
  );
  const cellOf = (name: string) => store.property(object, `@@${name}`);
  store.write(cellOf('target'), target);
  store.write(cellOf('this'), argument(args, 0));
  const early = argumentsFrom(args, 1);
  for (const [index, value] of early.list.entries()) store.write(cellOf(`argument${index}`), value);
  store.write(cellOf('rest'), early.rest);
  object.native ??= {
    call: (later) => {
      const list = early.list.map((_, index) => store.read(cellOf(`argument${index}`)));
      const rest = store.read(cellOf('rest'));
      const all: Arguments =
        rest.size === 0
          ? { list: [...list, ...later.args.list], rest: later.args.rest }
          : { list, rest: union(rest, ...later.args.list, later.args.rest) };
      return machine.call(store.read(cellOf('target')), store.read(cellOf('this')), all, later.site);
    },
  };
  return object;
}
