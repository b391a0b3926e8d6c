import {
  Cell,
  Frame,
  HeapObject,
  type Atom,
  type Constant,
  type ConstantAtom,
  type PrefixAtom,
  type PrimitiveAtom,
  type Shape,
  type Task,
  type Value,
} from './heap.ts';
import { PRECISION } from './precision.ts';
import type { FrameNode } from './syntax.ts';

const STEPS_BETWEEN_CLOCK_READS = 1024;

export interface StoreLimits {
  readonly stepsMax: number;
  /** Time of `performance.now()` at which to stop. */
  readonly deadline: number;
  /** Functions that the bundler wrote, which are called for every module. */
  readonly bundlerCode: readonly { readonly start: number; readonly end: number }[];
}

/** Thrown when the time or the steps are used up. */
export class AnalysisCut extends Error {
  override readonly name = 'AnalysisCut';
}

/** Everything that evaluation remembers: cells, objects, frames, and what has to be evaluated again. */
export class Store {
  readonly primitive: PrimitiveAtom = { kind: 'primitive' };
  readonly primitiveValue: Value = new Set([this.primitive]);
  readonly external: HeapObject;
  readonly externalValue: Value;
  readonly #constants = new Map<Constant, ConstantAtom>();
  readonly #prefixes = new Map<string, PrefixAtom>();
  readonly #objects = new Map<unknown, HeapObject[]>();
  readonly #frames = new Map<string, Frame>();
  readonly #contexts = new Map<FrameNode, number>();
  readonly #tasks = new Map<object, Map<unknown, Task>>();
  readonly #queue: Task[] = [];
  readonly #limits: StoreLimits;
  #current: Task | null = null;
  #nextId = 1;
  #steps = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
    this.external = this.newObject('external', 'external');
    this.externalValue = new Set([this.external]);
  }

  /** Counts one step of evaluation. Throws AnalysisCut past the limits. */
  step(): void {
    this.#steps++;
    if (this.#steps > this.#limits.stepsMax) throw new AnalysisCut('too many steps');
    if (this.#steps % STEPS_BETWEEN_CLOCK_READS === 0 && performance.now() > this.#limits.deadline)
      throw new AnalysisCut('too much time');
  }

  get steps(): number {
    return this.#steps;
  }

  constant(value: Constant): Value {
    return new Set([this.constantAtom(value)]);
  }

  constantAtom(value: Constant): Atom {
    if (typeof value === 'string' && value.length > PRECISION.textLength) return this.prefixAtom(value);
    let atom = this.#constants.get(value);
    if (atom === undefined) {
      atom = { kind: 'constant', value };
      this.#constants.set(value, atom);
    }
    return atom;
  }

  prefixAtom(prefix: string): PrefixAtom | PrimitiveAtom {
    if (prefix === '') return this.primitive;
    const text = prefix.slice(0, PRECISION.textLength);
    let atom = this.#prefixes.get(text);
    if (atom === undefined) {
      atom = { kind: 'prefix', prefix: text };
      this.#prefixes.set(text, atom);
    }
    return atom;
  }

  read(cell: Cell): Value {
    if (this.#current !== null) cell.readers.add(this.#current);
    return cell.atoms;
  }

  write(cell: Cell, value: Value): void {
    if (value === cell.atoms) return;
    let grown = false;
    for (const atom of value) {
      if (cell.atoms.has(atom) || isCovered(cell, atom)) continue;
      cell.atoms.add(atom);
      grown = true;
    }
    if (!grown) return;
    if (cell.cover !== null || cell.atoms.size > PRECISION.constants) this.#widen(cell);
    for (const reader of cell.readers) this.#enqueue(reader);
  }

  /** Puts what all texts have in common in place of them: what was derived from them stays derived. */
  #widen(cell: Cell): void {
    const texts: string[] = [];
    let others = 0;
    for (const atom of cell.atoms) {
      if (atom.kind === 'prefix') texts.push(atom.prefix);
      else if (atom.kind === 'constant' && typeof atom.value === 'string') texts.push(atom.value);
      else if (atom.kind !== 'object') others++;
    }
    if (cell.cover === null && texts.length + others <= PRECISION.constants) return;
    const cover = others > 0 ? this.primitive : this.prefixAtom(commonPrefix(texts));
    for (const atom of cell.atoms) if (atom.kind !== 'object') cell.atoms.delete(atom);
    cell.atoms.add(cover);
    cell.cover = cover;
  }

  property(object: HeapObject, key: string): Cell {
    let cell = object.properties.get(key);
    if (cell === undefined) {
      cell = new Cell();
      object.properties.set(key, cell);
    }
    return cell;
  }

  /** Sets a property that is there from the start. */
  define(object: HeapObject, key: string, value: Value): void {
    const cell = this.property(object, key);
    cell.definite = true;
    this.write(object.keys, this.constant(key));
    this.write(cell, value);
  }

  newObject(shape: Shape, name: string): HeapObject {
    return new HeapObject(this.#nextId++, shape, name);
  }

  /** The object that this place makes in this frame: the same each time. */
  allocate(frame: Frame, place: unknown, shape: Shape, name = ''): HeapObject {
    let object = frame.objects.get(place);
    if (object === undefined) {
      object = this.#newAt(frame, place, shape, name);
      frame.objects.set(place, object);
    }
    return object;
  }

  /** Code is told apart by frame, other objects up to a number of them for each place. */
  #newAt(frame: Frame, place: unknown, shape: Shape, name: string): HeapObject {
    const isCode = shape === 'function';
    const key = typeof place === 'string' ? `${frame.node.start}:${frame.node.end}:${place}` : place;
    let made = this.#objects.get(key);
    if (made === undefined) {
      made = [];
      this.#objects.set(key, made);
    }
    const last = made.at(-1);
    if (!isCode && last !== undefined && made.length >= PRECISION.objects) return last;
    const object = this.newObject(shape, name);
    object.generation = frame.generation + 1;
    if (!isCode) made.push(object);
    return object;
  }

  /** The frame of a piece of code in a context, and whether it is new. */
  frame(
    node: FrameNode,
    parent: Frame | null,
    context: string,
    functionFrame: Frame | null,
  ): { readonly frame: Frame; readonly isNew: boolean } {
    const base = `${node.start}:${node.end}:${node.type}:${parent?.id ?? 0}`;
    const known = this.#frames.get(`${base}:${context}`);
    if (known !== undefined) return { frame: known, isNew: false };
    const count = this.#contexts.get(node) ?? 0;
    const shared = count >= this.#contextsMax(node) || this.#frames.size >= PRECISION.frames;
    const key = `${base}:${shared ? '' : context}`;
    const existing = this.#frames.get(key);
    if (existing !== undefined) return { frame: existing, isNew: false };
    const frame = new Frame(this.#nextId++, node, parent, shared ? '' : context, functionFrame);
    this.#frames.set(key, frame);
    this.#contexts.set(node, count + 1);
    return { frame, isNew: true };
  }

  #contextsMax(node: FrameNode): number {
    if (this.#limits.bundlerCode.some(({ start, end }) => node.start >= start && node.end <= end))
      return PRECISION.contextsOfBundler;
    return node.end - node.start <= PRECISION.smallLength ? PRECISION.contextsOfSmall : PRECISION.contexts;
  }

  /** Plans a piece of work once for each owner and key; it runs again whenever something that it read grows. */
  task(owner: object, key: unknown, run: () => void): void {
    let tasks = this.#tasks.get(owner);
    if (tasks === undefined) {
      tasks = new Map();
      this.#tasks.set(owner, tasks);
    }
    if (tasks.has(key)) return;
    const task: Task = { run, queued: false };
    tasks.set(key, task);
    this.#enqueue(task);
  }

  #enqueue(task: Task): void {
    if (task.queued) return;
    task.queued = true;
    this.#queue.push(task);
  }

  /** Runs all that is planned until nothing grows. */
  settle(): void {
    for (let next = 0; next < this.#queue.length; next++) {
      const task = this.#queue[next];
      if (task === undefined) break;
      task.queued = false;
      this.#current = task;
      task.run();
      this.#current = null;
      if (next > 10_000) {
        this.#queue.splice(0, next + 1);
        next = -1;
      }
    }
    this.#queue.length = 0;
  }
}

export function union(...values: readonly Value[]): Value {
  let only: Value | null = null;
  let all: Set<Atom> | null = null;
  for (const value of values) {
    if (value.size === 0 || value === only) continue;
    if (only === null) only = value;
    else {
      all ??= new Set(only);
      for (const atom of value) all.add(atom);
    }
  }
  return all ?? only ?? new Set();
}

function isCovered({ cover }: Cell, atom: Atom): boolean {
  if (cover === null || atom.kind === 'object') return false;
  if (cover.kind === 'primitive') return true;
  const text = atom.kind === 'prefix' ? atom.prefix : atom.kind === 'constant' ? atom.value : null;
  return typeof text === 'string' && text.startsWith(cover.prefix);
}

function commonPrefix(texts: readonly string[]): string {
  let prefix = texts[0] ?? '';
  for (const text of texts) {
    while (!text.startsWith(prefix)) prefix = prefix.slice(0, -1);
  }
  return prefix;
}

/** Whether a value may be true, and may be false, in a condition. */
export function truth(value: Value): { readonly mayBeTrue: boolean; readonly mayBeFalse: boolean } {
  if (value.size === 0) return { mayBeTrue: true, mayBeFalse: true };
  let mayBeTrue = false;
  let mayBeFalse = false;
  for (const atom of value) {
    if (atom.kind === 'constant') {
      if (atom.value) mayBeTrue = true;
      else mayBeFalse = true;
    } else if (atom.kind === 'primitive' || (atom.kind === 'object' && mayBeAbsent(atom))) {
      mayBeTrue = true;
      mayBeFalse = true;
    } else mayBeTrue = true;
  }
  return { mayBeTrue, mayBeFalse };
}

function mayBeAbsent(object: HeapObject): boolean {
  return object.shape === 'external' || object.shape === 'binding' || object.shape === 'environment';
}

export function isNullish(atom: Atom): boolean {
  return atom.kind === 'constant' && (atom.value === null || atom.value === undefined);
}

/** Names that a key may be, null among them for any name. */
export function keyNames(value: Value): (string | null)[] {
  const names = new Set<string | null>();
  for (const atom of value) names.add(atom.kind === 'constant' ? String(atom.value) : null);
  return [...names];
}

/** Texts that a value may be, as far as they are known. */
export function knownTexts(value: Value): { readonly text: string; readonly whole: boolean }[] {
  const texts: { text: string; whole: boolean }[] = [];
  for (const atom of value) {
    if (atom.kind === 'constant') {
      if (atom.value !== undefined && atom.value !== null)
        texts.push({ text: String(atom.value), whole: true });
    } else texts.push({ text: atom.kind === 'prefix' ? atom.prefix : '', whole: false });
  }
  return texts;
}
