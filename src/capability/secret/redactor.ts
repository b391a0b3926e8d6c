import { formsOf } from './encodings.ts';

const MASK = Buffer.from('[redacted]');
const NOTHING = Buffer.alloc(0);
/** A piece of a value counts from a quarter of its length, between these: less would match by chance. */
const PIECE_BYTES_MIN = { low: 8, high: 16 } as const;
/** Forms that are looked for in pieces, together: each line that is written pays for them. The longest are left out. */
const PIECED_BYTES_MAX = 32 * 1024;

/** Takes the values of secrets out of text and of bytes that stream. */
export interface Redactor {
  /** True when there is nothing to take out. */
  readonly empty: boolean;
  redact(text: string): string;
  /** The same for text that may be one part of several, or cut: pieces of a value at its two ends go as well. */
  redactExcerpt(text: string): string;
  /** For one stream of bytes. */
  stream(): RedactionStream;
}

export interface RedactionStream {
  /** What can be passed on. Bytes that may be the start of a value are held: fewer than the longest form has. */
  push(chunk: Uint8Array): Uint8Array;
  /** What is held at the end of the stream. */
  flush(): Uint8Array;
}

/**
 * Replaces each value, in every form of `formsOf`, by `[redacted]`. It stops accidents and echoes: who
 * holds a value can always encode it in a way that nobody looks for.
 */
export function createRedactor(values: Iterable<string>): Redactor {
  const forms = new Map<string, Buffer>();
  for (const value of values) for (const form of formsOf(value)) forms.set(form.toString('latin1'), form);
  const patterns = new Patterns([...forms.values()]);
  return {
    empty: forms.size === 0,
    redact: (text) => masked(text, (bytes) => patterns.matches(bytes)),
    redactExcerpt: (text) =>
      masked(text, (bytes) => joined([...patterns.matches(bytes), ...patterns.pieces(bytes)])),
    stream: () => (forms.size === 0 ? PASSING : new MaskingStream(patterns)),
  };
}

const PASSING: RedactionStream = { push: (chunk) => chunk, flush: () => NOTHING };

interface Interval {
  readonly start: number;
  readonly end: number;
}

/** The text with a mask in the place of each interval. */
function masked(text: string, find: (bytes: Buffer) => readonly Interval[]): string {
  const bytes = Buffer.from(text);
  const intervals = find(bytes);
  if (intervals.length === 0) return text;
  const pieces: Buffer[] = [];
  let position = 0;
  for (const { start, end } of intervals) {
    pieces.push(bytes.subarray(position, start), MASK);
    position = end;
  }
  return Buffer.concat([...pieces, bytes.subarray(position)]).toString();
}

/** In order, with what overlaps as one. */
function joined(intervals: readonly Interval[]): Interval[] {
  const found: Interval[] = [];
  for (const { start, end } of intervals.toSorted((one, other) => one.start - other.start)) {
    const last = found.at(-1);
    if (last !== undefined && start < last.end)
      found.splice(-1, 1, { start: last.start, end: Math.max(last.end, end) });
    else found.push({ start, end });
  }
  return found;
}

class Patterns {
  readonly #all: readonly Buffer[];
  readonly #pieced: readonly Buffer[];
  readonly #byFirst = new Map<number, Buffer[]>();
  readonly #longest: number;

  constructor(all: readonly Buffer[]) {
    this.#all = all;
    this.#longest = all.reduce((longest, { byteLength }) => Math.max(longest, byteLength), 0);
    for (const pattern of all) {
      const first = pattern[0] ?? 0;
      this.#byFirst.set(first, [...(this.#byFirst.get(first) ?? []), pattern]);
    }
    let bytes = 0;
    this.#pieced = all
      .toSorted((one, other) => one.byteLength - other.byteLength)
      .filter(
        ({ byteLength }) => byteLength > PIECE_BYTES_MIN.low && (bytes += byteLength) <= PIECED_BYTES_MAX,
      );
  }

  /** All that matches, in order, with what overlaps joined. */
  matches(bytes: Buffer): Interval[] {
    const found: Interval[] = [];
    for (const pattern of this.#all) {
      for (let at = bytes.indexOf(pattern); at !== -1; at = bytes.indexOf(pattern, at + 1))
        found.push({ start: at, end: at + pattern.byteLength });
    }
    return joined(found);
  }

  /** What the bytes begin and end with that is a part of a pattern. */
  pieces(bytes: Buffer): Interval[] {
    const found: Interval[] = [];
    const { byteLength } = bytes;
    for (const pattern of this.#pieced) {
      const { low, high } = PIECE_BYTES_MIN;
      const least = Math.max(low, Math.min(high, pattern.byteLength >> 2));
      if (byteLength < least) continue;
      // Of several places the one from which the piece can be the longest.
      const first = pattern.indexOf(bytes.subarray(0, least));
      if (first !== -1) found.push({ start: 0, end: least + alike(bytes, least, pattern, first + least, 1) });
      const from = byteLength - least;
      const last = pattern.lastIndexOf(bytes.subarray(from));
      if (last !== -1)
        found.push({ start: from - alike(bytes, from - 1, pattern, last - 1, -1), end: byteLength });
    }
    return found;
  }

  /** Where the first match could begin that more bytes would complete; the length when there is none. */
  openStart(bytes: Buffer): number {
    for (let at = Math.max(0, bytes.byteLength - this.#longest + 1); at < bytes.byteLength; at += 1) {
      const tail = bytes.byteLength - at;
      for (const pattern of this.#byFirst.get(bytes[at] ?? 0) ?? []) {
        if (pattern.byteLength > tail && bytes.compare(pattern, 0, tail, at) === 0) return at;
      }
    }
    return bytes.byteLength;
  }
}

/** How many bytes are the same from two places on, in a direction. */
function alike(one: Buffer, oneFrom: number, other: Buffer, otherFrom: number, step: 1 | -1): number {
  let count = 0;
  for (let at = oneFrom, to = otherFrom; at >= 0 && to >= 0; at += step, to += step) {
    if (at >= one.byteLength || to >= other.byteLength || one[at] !== other[to]) break;
    count += 1;
  }
  return count;
}

class MaskingStream implements RedactionStream {
  readonly #patterns: Patterns;
  #held: Buffer = NOTHING;
  /** How many of the held bytes belong to a match whose mask has been passed on. */
  #masked = 0;

  constructor(patterns: Patterns) {
    this.#patterns = patterns;
  }

  push(chunk: Uint8Array): Uint8Array {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.#held.byteLength === 0 ? view : Buffer.concat([this.#held, view]);
    const open = this.#patterns.openStart(bytes);
    const passed = this.#mask(bytes, open);
    this.#held = open === bytes.byteLength ? NOTHING : Buffer.from(bytes.subarray(open));
    return passed;
  }

  flush(): Uint8Array {
    const passed = this.#mask(this.#held, this.#held.byteLength);
    this.#held = NOTHING;
    return passed;
  }

  /** Passes on the bytes before `until` without what matches, and remembers how far a match reaches past it. */
  #mask(bytes: Buffer, until: number): Uint8Array {
    const matches = this.#patterns.matches(bytes);
    if (matches.length === 0 && this.#masked === 0) return bytes.subarray(0, until);
    const pieces: Buffer[] = [];
    let position = this.#masked;
    for (const { start, end } of matches) {
      if (start >= until) break;
      // What goes on from a match that has its mask gets no second one.
      if (start >= position) pieces.push(bytes.subarray(position, start), MASK);
      position = Math.max(position, end);
    }
    if (position < until) pieces.push(bytes.subarray(position, until));
    this.#masked = Math.max(0, position - until);
    return Buffer.concat(pieces);
  }
}
