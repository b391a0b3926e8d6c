import type { FunctionNode, FrameNode, SyntaxNode } from './syntax.ts';

export type Constant = string | number | boolean | bigint | null | undefined;

export interface ConstantAtom {
  readonly kind: 'constant';
  readonly value: Constant;
}

/** A string that starts so. */
export interface PrefixAtom {
  readonly kind: 'prefix';
  readonly prefix: string;
}

/** Some string, number or other value that holds no reference. */
export interface PrimitiveAtom {
  readonly kind: 'primitive';
}

/** One of the things that a value may be. Equal atoms are the same object. */
export type Atom = ConstantAtom | PrefixAtom | PrimitiveAtom | HeapObject;

/** Everything that a value may be; empty when nothing is seen to flow there. */
export type Value = ReadonlySet<Atom>;

export const NOTHING: Value = new Set();

/** A piece of code that is evaluated again when a cell that it read has grown. */
export interface Task {
  readonly run: () => void;
  queued: boolean;
}

/** A place that holds a value. It only grows, so that evaluation ends. */
export class Cell {
  readonly atoms = new Set<Atom>();
  readonly readers = new Set<Task>();
  /** A property that is there from the start, so that none of the prototype's shows through. */
  definite = false;
  /** What stands for all texts and numbers, once there were too many of them. */
  cover: PrefixAtom | PrimitiveAtom | null = null;
}

export type Shape =
  | 'plain'
  | 'array'
  | 'function'
  | 'promise'
  | 'map'
  | 'set'
  | 'iterator'
  | 'environment'
  | 'process-environment'
  | 'binding'
  | 'operation'
  | 'request'
  | 'url'
  | 'store'
  | 'socket'
  | 'network'
  | 'external';

export interface Arguments {
  readonly list: readonly Value[];
  /** What may follow the list, from a spread whose length is not known. */
  readonly rest: Value;
}

/** The place of a call; `path` tells calls from one place apart, such as the rounds of a loop. */
export interface Site {
  readonly node: SyntaxNode;
  readonly frame: Frame;
  readonly path: string;
}

export interface NativeCall {
  readonly self: Value;
  readonly args: Arguments;
  readonly site: Site;
}

export interface Native {
  readonly call: (call: NativeCall) => Value;
  /** `new`; default: what a call gives. */
  readonly construct?: (call: NativeCall) => Value;
}

export interface Closure {
  readonly node: FunctionNode;
  readonly frame: Frame;
  /** Object that `super` starts from, null outside of methods. */
  readonly home: HeapObject | null;
}

export interface ClassBody {
  readonly frame: Frame;
  /** Names and initializers of instance fields. */
  readonly fields: readonly FieldInitializer[];
  /** Null: the implicit constructor. */
  readonly constructorFunction: HeapObject | null;
  readonly parent: Cell | null;
  readonly prototype: HeapObject;
}

export interface FieldInitializer {
  readonly node: FrameNode;
  readonly key: Value;
  readonly value: SyntaxNode | null;
}

/** An object of the program, one for each place (and frame) that makes objects. */
export class HeapObject {
  readonly kind = 'object';
  readonly id: number;
  shape: Shape;
  /** Name of a binding, or operation; else for debugging. */
  readonly name: string;
  readonly properties = new Map<string, Cell>();
  readonly getters = new Map<string, Cell>();
  readonly setters = new Map<string, Cell>();
  /** Properties whose name is not known. */
  readonly rest = new Cell();
  /** Grows with every new key. */
  readonly keys = new Cell();
  readonly prototypes = new Cell();
  /** Value of a promise, elements of a set or iterator, URL of a request. */
  readonly inner = new Cell();
  closure: Closure | null = null;
  classBody: ClassBody | null = null;
  native: Native | null = null;
  /** Binding that an operation belongs to. */
  owner: HeapObject | null = null;
  /** How many objects stand behind the context that made this one. */
  generation = 0;

  constructor(id: number, shape: Shape, name: string) {
    this.id = id;
    this.shape = shape;
    this.name = name;
  }
}

/** The variables of one run of a function, in one context. */
export class Frame {
  readonly id: number;
  readonly node: FrameNode;
  readonly parent: Frame | null;
  /** Frame of the function around a loop; itself for a function. */
  readonly functionFrame: Frame;
  readonly context: string;
  readonly variables = new Map<object, Cell>();
  readonly objects = new Map<unknown, HeapObject>();
  readonly self = new Cell();
  readonly argumentCells: Cell[] = [];
  readonly argumentsRest = new Cell();
  readonly result = new Cell();
  readonly yielded = new Cell();
  closure: HeapObject | null = null;
  generation = 0;
  /** Rounds of the loops around that are told apart. */
  rounds = 1;

  constructor(
    id: number,
    node: FrameNode,
    parent: Frame | null,
    context: string,
    functionFrame: Frame | null,
  ) {
    this.id = id;
    this.node = node;
    this.parent = parent;
    this.context = context;
    this.functionFrame = functionFrame ?? this;
  }

  argumentCell(index: number): Cell {
    let cell = this.argumentCells[index];
    while (cell === undefined) {
      this.argumentCells.push(new Cell());
      cell = this.argumentCells[index];
    }
    return cell;
  }
}
