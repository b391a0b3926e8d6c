import { NOTHING, type HeapObject, type NativeCall, type Value } from '../heap.ts';
import { argument, argumentsFrom, argumentsOf, type Implementation, type Machine } from '../machine.ts';
import { promiseOf, settled } from '../promises.ts';
import { union } from '../store.ts';
import { arrayOf } from './array.ts';

function placeOf(call: NativeCall, name: string): string {
  return `promise:${name}:${call.site.node.start}:${call.site.node.end}:${call.site.path}`;
}

function promise(machine: Machine, call: NativeCall, name: string, value: Value): Value {
  return new Set([promiseOf(machine, call.site.frame, placeOf(call, name), value)]);
}

function failures(machine: Machine): Value {
  return union(machine.store.externalValue, machine.store.read(machine.thrown));
}

export const PROMISE_METHODS: Readonly<Record<string, Implementation>> = {
  // oxlint-disable-next-line unicorn/no-thenable -- a table of methods by name, which nothing awaits
  then: (machine, call) => {
    const value = settled(machine, call.self);
    const onValue = argument(call.args, 0);
    const onFailure = argument(call.args, 1);
    const results = [
      machine.call(onValue, NOTHING, argumentsOf(value), call.site),
      machine.call(onFailure, NOTHING, argumentsOf(failures(machine)), call.site),
    ];
    const passesOn = [...onValue].every((atom) => atom.kind !== 'object') ? value : NOTHING;
    return promise(machine, call, 'then', union(...results, passesOn));
  },
  catch: (machine, call) => {
    const result = machine.call(argument(call.args, 0), NOTHING, argumentsOf(failures(machine)), call.site);
    return promise(machine, call, 'catch', union(settled(machine, call.self), result));
  },
  finally: (machine, call) => {
    machine.call(argument(call.args, 0), NOTHING, argumentsOf(), call.site);
    return call.self;
  },
};

function list(machine: Machine, call: NativeCall): Value {
  const elements = machine
    .elements(argument(call.args, 0), call.site)
    .map(({ name, value }) => ({ name, value: settled(machine, value) }));
  return promise(machine, call, 'list', arrayOf(machine, call, 'all', elements));
}

function outcomes(machine: Machine, call: NativeCall): Value {
  const { store } = machine;
  const elements = machine.elements(argument(call.args, 0), call.site).map(({ name, value }) => {
    const outcome = store.allocate(call.site.frame, placeOf(call, `outcome:${name}`), 'plain');
    store.define(outcome, 'status', store.primitiveValue);
    store.define(outcome, 'value', settled(machine, value));
    store.define(outcome, 'reason', failures(machine));
    return { name, value: new Set([outcome]) };
  });
  return promise(machine, call, 'list', arrayOf(machine, call, 'all', elements));
}

function first(machine: Machine, call: NativeCall): Value {
  const elements = machine.elements(argument(call.args, 0), call.site);
  return promise(
    machine,
    call,
    'first',
    union(...elements.map((element) => settled(machine, element.value))),
  );
}

/** A function that settles a promise. */
function settler(machine: Machine, target: HeapObject, name: string): Value {
  const { store } = machine;
  const resolve = machine.native(`${name}:${target.id}`, (inner) => {
    store.write(target.inner, settled(machine, argument(inner.args, 0)));
    return store.constant(undefined);
  });
  return new Set([resolve]);
}

function rejecter(machine: Machine): Value {
  const reject = machine.native('reject', (inner) => {
    machine.store.write(machine.thrown, argument(inner.args, 0));
    return machine.store.constant(undefined);
  });
  return new Set([reject]);
}

export const PROMISE_STATICS: Readonly<Record<string, Implementation>> = {
  resolve: (machine, call) => promise(machine, call, 'resolve', argument(call.args, 0)),
  reject: (machine, call) => {
    machine.store.write(machine.thrown, argument(call.args, 0));
    return promise(machine, call, 'reject', NOTHING);
  },
  all: list,
  allSettled: outcomes,
  race: first,
  any: first,
  try: (machine, call) =>
    promise(
      machine,
      call,
      'try',
      machine.call(argument(call.args, 0), NOTHING, argumentsFrom(call.args, 1), call.site),
    ),
  withResolvers: (machine, call) => {
    const { store } = machine;
    const made = promiseOf(machine, call.site.frame, placeOf(call, 'made'), NOTHING);
    const holder = store.allocate(call.site.frame, placeOf(call, 'resolvers'), 'plain');
    store.define(holder, 'promise', new Set([made]));
    store.define(holder, 'resolve', settler(machine, made, 'resolve'));
    store.define(holder, 'reject', rejecter(machine));
    return new Set([holder]);
  },
};

export const constructPromise: Implementation = (machine, call) => {
  const made = promiseOf(machine, call.site.frame, placeOf(call, 'new'), NOTHING);
  machine.call(
    argument(call.args, 0),
    NOTHING,
    argumentsOf(settler(machine, made, 'resolve'), rejecter(machine)),
    call.site,
  );
  return new Set([made]);
};
