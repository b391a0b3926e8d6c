import type { Arguments, Cell, Frame, HeapObject, Native, NativeCall, Site, Value } from './heap.ts';
import type { UnknownReason, Use } from './finding.ts';
import type { Declaration } from './scopes.ts';
import { PRECISION } from './precision.ts';
import type { Store } from './store.ts';
import type { Expression, Oxc, SyntaxNode } from './syntax.ts';
import type { Grants } from '../manifest/index.ts';

/** A use before its place is known as one of the sources. */
export type UseFact = Omit<Use, 'kind' | 'place'>;

/** What the parts of the interpreter ask of each other. */
export interface Machine {
  readonly store: Store;
  readonly grants: Grants;
  readonly vars: Readonly<Record<string, string>>;
  readonly environment: HeapObject;
  readonly processEnvironment: HeapObject;
  readonly globals: HeapObject;
  /** Whatever comes out of a framework that is given `env`. */
  readonly framework: HeapObject;
  readonly frameworkValue: Value;
  /** Frame of the bundle itself. */
  readonly root: Frame;
  /** What `constructor` of a function is: it makes code from text. */
  readonly codeConstructor: Value;
  /** Calls of natives that are running. */
  nesting: number;
  declarationOf(identifier: SyntaxNode): Declaration | undefined;
  /** What the entry module exports by default. */
  readonly exports: Cell;
  /** Everything that the code throws. */
  readonly thrown: Cell;
  evaluate(node: Expression, frame: Frame): Value;
  execute(node: SyntaxNode, frame: Frame): void;
  getMember(receiver: Value, key: Value, site: Site): Value;
  getProperty(object: HeapObject, key: string | null, self: Value, site: Site): Value;
  setMember(receiver: Value, key: Value, value: Value, site: Site): void;
  call(callee: Value, self: Value, args: Arguments, site: Site): Value;
  construct(callee: Value, args: Arguments, site: Site): Value;
  /** Hands a value to code that is not seen. */
  escape(value: Value, site: Site): void;
  /** Hands a value to a framework, which may call functions in there with `env`. */
  escapeToFramework(value: Value, site: Site): void;
  /** Elements that iteration over a value gives, each with a name that tells it from the others. */
  elements(value: Value, site: Site): readonly Element[];
  native(name: string, native: Native | Native['call']): HeapObject;
  /** What objects of a built-in shape, or text for null, have by themselves; null for nothing. */
  builtin(object: HeapObject | null, key: string): Value | null;
  module(name: string): Value;
  /** Notes what a call expression was seen to call. */
  called(node: Oxc.CallExpression, callee: Value, frame: Frame): void;
  use(fact: UseFact, site: Site): void;
  /** A use that counts when nothing more exact is seen at its place in the end. */
  useUnlessSeen(fact: UseFact, site: Site): void;
  unknown(reason: UnknownReason, detail: string, site: Site): void;
  /** An unknown that counts when nothing else is seen at its place in the end. */
  unknownUnlessSeen(reason: UnknownReason, site: Site): void;
}

export interface Element {
  readonly name: string;
  readonly value: Value;
}

export const NO_ARGUMENTS: Arguments = { list: [], rest: new Set() };

export function argumentsOf(...list: readonly Value[]): Arguments {
  return { list, rest: new Set() };
}

/** What argument `index` may be. */
export function argument(args: Arguments, index: number): Value {
  const value = args.list[index];
  if (args.rest.size === 0) return value ?? new Set();
  return new Set([...(value ?? []), ...args.rest]);
}

export function argumentsFrom(args: Arguments, index: number): Arguments {
  return { list: args.list.slice(index), rest: args.rest };
}

/** What a native function does. */
export type Implementation = (machine: Machine, call: NativeCall) => Value;

/** The elements, or one for all when there are too many. `around` is how many rounds of loops stand around already. */
export function rounds(elements: readonly Element[], around: number): readonly Element[] {
  if (elements.length <= 1 || elements.length * around <= PRECISION.rounds) return elements;
  return [{ name: '*', value: new Set(elements.flatMap(({ value }) => [...value])) }];
}

export function siteBelow(site: Site, path: string): Site {
  return { node: site.node, frame: site.frame, path: `${site.path}/${path}` };
}
