import type { Constant, NativeCall, Value } from '../heap.ts';
import type { Implementation, Machine } from '../machine.ts';
import { arrayFrom } from '../patterns.ts';
import { arrayOf } from './array.ts';

type TextFunction = (text: string, ...args: Constant[]) => string;

/** Functions of constant text that are computed. None of them makes text much longer. */
const COMPUTED: Readonly<Record<string, TextFunction>> = {
  toUpperCase: (text) => text.toUpperCase(),
  toLowerCase: (text) => text.toLowerCase(),
  trim: (text) => text.trim(),
  trimStart: (text) => text.trimStart(),
  trimEnd: (text) => text.trimEnd(),
  toString: (text: string) => text,
  valueOf: (text: string) => text,
  slice: (text, start, end) => text.slice(asIndex(start), asIndex(end)),
  substring: (text, start, end) => text.substring(asIndex(start) ?? 0, asIndex(end)),
  charAt: (text, index) => text.charAt(asIndex(index) ?? 0),
  at: (text, index) => text.at(asIndex(index) ?? 0) ?? '',
  concat: (text, ...rest) => text.concat(...rest.map(String)),
  replace: (text, from, to) => text.replace(String(from), String(to)),
  replaceAll: (text, from, to) => text.replaceAll(String(from), String(to)),
};

const COMBINATIONS_MAX = 64;

function asIndex(value: Constant): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Combinations of constants; null when something is not constant. */
function constants(values: readonly Value[]): Constant[][] | null {
  let rows: Constant[][] = [[]];
  for (const value of values) {
    const next: Constant[][] = [];
    for (const atom of value) {
      if (atom.kind !== 'constant') return null;
      for (const row of rows) next.push([...row, atom.value]);
    }
    if (next.length > COMBINATIONS_MAX) return null;
    rows = next;
  }
  return rows;
}

function compute(machine: Machine, call: NativeCall, apply: TextFunction): Value {
  for (const value of call.args.list) machine.escape(value, call.site);
  const self = new Set([...call.self].filter((atom) => atom.kind !== 'object'));
  const rows = call.args.rest.size > 0 ? null : constants([self, ...call.args.list]);
  if (rows === null) return machine.store.primitiveValue;
  return new Set(rows.map(([text, ...args]) => machine.store.constantAtom(apply(String(text), ...args))));
}

function split(machine: Machine, call: NativeCall): Value {
  const rows = call.args.rest.size > 0 ? null : constants([call.self, ...call.args.list]);
  const row = rows?.length === 1 ? rows[0] : undefined;
  if (row === undefined || typeof row[1] !== 'string')
    return arrayOf(machine, call, 'split', [{ name: '*', value: machine.store.primitiveValue }]);
  const parts = String(row[0])
    .split(row[1])
    .map((part) => machine.store.constant(part));
  return arrayFrom(machine, `split:${call.site.node.start}:${call.site.path}`, call.site.frame, parts);
}

function unseen(machine: Machine, call: NativeCall): Value {
  for (const value of call.args.list) machine.escape(value, call.site);
  return machine.store.primitiveValue;
}

const LISTS: ReadonlySet<string> = new Set(['match', 'matchAll']);

/** Method of text, numbers and other primitive values; null for a name that none of them has. */
export function textMethod(key: string): Implementation | null {
  const apply = Object.hasOwn(COMPUTED, key) ? COMPUTED[key] : undefined;
  if (apply !== undefined) return (machine, call) => compute(machine, call, apply);
  if (key === 'split') return split;
  if (LISTS.has(key)) return (machine) => machine.store.externalValue;
  return PRIMITIVE_METHODS.has(key) ? unseen : null;
}

const PRIMITIVE_METHODS: ReadonlySet<string> = new Set(
  [String, Number, Boolean, BigInt, Symbol].flatMap((type) =>
    Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'length' && name !== 'constructor'),
  ),
);

/** A global function of text, such as `encodeURIComponent`. */
export function textFunction(apply: (text: string) => string): Implementation {
  return (machine, call) => {
    const [value] = call.args.list;
    const rows = value === undefined || call.args.rest.size > 0 ? null : constants([value]);
    if (rows === null) return machine.store.primitiveValue;
    return new Set(
      rows.map(([text]) => {
        try {
          return machine.store.constantAtom(apply(String(text)));
        } catch {
          return machine.store.primitive;
        }
      }),
    );
  };
}
