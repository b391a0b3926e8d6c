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
import type { FrameNode } from './syntax.ts';

/** Constants that one place may hold before only their common beginning is kept. */
const CONSTANTS_PER_CELL_MAX = 48;
const TEXT_LENGTH_MAX = 2048;
/** Contexts in which one function is told apart; later calls share one. */
const CONTEXTS_PER_FUNCTION_MAX = 24;
const CONTEXTS_PER_SMALL_FUNCTION_MAX = 512;
const SMALL_FUNCTION_LENGTH = 400;
const FRAMES_MAX = 30_000;
const STEPS_BETWEEN_CLOCK_READS = 1024;

export interface StoreLimits {
  readonly stepsMax: number;
  /** Time of `performance.now()` at which to stop. */
  readonly deadline: number;
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
    if (typeof value === 'string' && value.length > TEXT_LENGTH_MAX) return this.prefixAtom(value);
    let atom = this.#constants.get(value);
    if (atom === undefined) {
      atom = { kind: 'constant', value };
      this.#constants.set(value, atom);
    }
    return atom;
  }

  prefixAtom(prefix: string): Atom {
    if (prefix === '') return this.primitive;
    const text = prefix.slice(0, TEXT_LENGTH_MAX);
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
      if (cell.atoms.has(atom)) continue;
      cell.atoms.add(atom);
      grown = true;
    }
    if (!grown) return;
    if (cell.atoms.size > CONSTANTS_PER_CELL_MAX) this.#widen(cell);
    for (const reader of cell.readers) this.#enqueue(reader);
  }

  /** Keeps the first constants, and covers those to come: what was derived from the first stays derived anyhow. */
  #widen(cell: Cell): void {
    const texts: string[] = [];
    let others = 0;
    for (const atom of cell.atoms) {
      if (atom.kind === 'constant') {
        if (typeof atom.value === 'string') texts.push(atom.value);
        else others++;
      } else if (atom.kind === 'prefix') texts.push(atom.prefix);
    }
    if (texts.length + others <= CONSTANTS_PER_CELL_MAX) return;
    const cover = others > 0 ? this.primitive : this.prefixAtom(commonPrefix(texts));
    for (const atom of cell.atoms) if (atom.kind !== 'object') cell.atoms.delete(atom);
    cell.atoms.add(cover);
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
      object = this.newObject(shape, name);
      frame.objects.set(place, object);
    }
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
    const countMax =
      node.end - node.start <= SMALL_FUNCTION_LENGTH
        ? CONTEXTS_PER_SMALL_FUNCTION_MAX
        : CONTEXTS_PER_FUNCTION_MAX;
    const shared = count >= countMax || this.#frames.size >= FRAMES_MAX;
    const key = `${base}:${shared ? '' : context}`;
    const existing = this.#frames.get(key);
    if (existing !== undefined) return { frame: existing, isNew: false };
    const frame = new Frame(this.#nextId++, node, parent, shared ? '' : context, functionFrame);
    this.#frames.set(key, frame);
    this.#contexts.set(node, count + 1);
    return { frame, isNew: true };
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
  const filled = values.filter((value) => value.size > 0);
  if (filled.length <= 1) return filled[0] ?? new Set();
  return new Set(filled.flatMap((value) => [...value]));
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
