import { NOTHING, type Atom, type Constant, type Value } from './heap.ts';
import type { Machine } from './machine.ts';

/** Combinations that are computed one by one. */
const COMBINATIONS_MAX = 256;

/** `left + right`, or the text of both in a template. */
export function concatenate(machine: Machine, left: Value, right: Value, asText: boolean): Value {
  if (left.size === 0 || right.size === 0) return NOTHING;
  if (left.size * right.size > COMBINATIONS_MAX) return machine.store.primitiveValue;
  return join(machine, addresses(machine, left), addresses(machine, right), asText);
}

/** A URL reads as its address, of which `inner` holds what is known. */
function addresses(machine: Machine, value: Value): Value {
  if (![...value].some((atom) => atom.kind === 'object' && atom.shape === 'url')) return value;
  return new Set(
    [...value].flatMap((atom) =>
      atom.kind === 'object' && atom.shape === 'url' ? [...machine.store.read(atom.inner)] : [atom],
    ),
  );
}

function join(machine: Machine, left: Value, right: Value, asText: boolean): Value {
  const { store } = machine;
  const found = new Set<Atom>();
  for (const first of left) {
    const start = textOf(first);
    for (const second of right) {
      if (!asText && isNumber(first) && isNumber(second)) {
        // Counters would give one number after the other.
        const isSingle = left.size === 1 && right.size === 1;
        found.add(
          isSingle ? store.constantAtom(Number(valueOf(first)) + Number(valueOf(second))) : store.primitive,
        );
      } else if (first.kind === 'prefix' || start === null)
        found.add(first.kind === 'prefix' ? first : store.primitive);
      else {
        const end = textOf(second);
        if (end !== null) found.add(store.constantAtom(start + end));
        else found.add(store.prefixAtom(second.kind === 'prefix' ? start + second.prefix : start));
      }
    }
  }
  return found;
}

function isNumber(atom: Atom): boolean {
  return atom.kind === 'constant' && typeof atom.value === 'number';
}

function valueOf(atom: Atom): Constant {
  return atom.kind === 'constant' ? atom.value : undefined;
}

/** The whole text of an atom; null when it is not known. */
export function textOf(atom: Atom): string | null {
  if (atom.kind === 'constant') return String(atom.value);
  return null;
}

const COMPARISONS: Readonly<Record<string, (left: Constant, right: Constant) => boolean>> = {
  '===': (left, right) => left === right,
  '!==': (left, right) => left !== right,
};

/** A binary operation: text and equality are computed, everything else gives some primitive value. */
export function fold(machine: Machine, operator: string, left: Value, right: Value): Value {
  if (operator === '+') return concatenate(machine, left, right, false);
  const compare = COMPARISONS[operator];
  if (
    compare === undefined ||
    left.size === 0 ||
    right.size === 0 ||
    left.size * right.size > COMBINATIONS_MAX
  )
    return machine.store.primitiveValue;
  const found = new Set<Atom>();
  for (const first of left) {
    for (const second of right) {
      if (first.kind !== 'constant' || second.kind !== 'constant') return machine.store.primitiveValue;
      found.add(machine.store.constantAtom(compare(first.value, second.value)));
    }
  }
  return found;
}

export function unary(machine: Machine, operator: string, value: Value): Value {
  const { store } = machine;
  if (operator === 'void') return store.constant(undefined);
  if (operator !== '!' || value.size === 0) return store.primitiveValue;
  const found = new Set<Atom>();
  for (const atom of value) {
    if (atom.kind === 'constant') found.add(store.constantAtom(!atom.value));
    else if (atom.kind === 'object' && (atom.closure !== null || atom.shape === 'plain'))
      found.add(store.constantAtom(false));
    else return store.primitiveValue;
  }
  return found;
}
