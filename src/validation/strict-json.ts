import { isUtf8 } from 'node:buffer';
import { pointerOf } from './pointer.ts';

/** What can be wrong with a text that is to be strict JSON. */
export type JsonFault =
  /** Not UTF-8. */
  | 'encoding'
  | 'byteOrderMark'
  | 'syntax'
  /** A key twice in an object, however it is written. */
  | 'duplicateKey'
  /** A key that can change what an object is: `__proto__`, or `prototype` inside `constructor`. */
  | 'forbiddenKey'
  | 'depth'
  | 'values'
  /** A number that JavaScript cannot hold as it is written. */
  | 'number'
  /** Half of a surrogate pair, which no Unicode text has. */
  | 'surrogate';

export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly reason: JsonFault;
      /** JSON Pointer (RFC 6901) to the value or key; empty for the whole text, or where it cannot be told. */
      readonly pointer: string;
      /** Where in the text, in UTF-16 units from 0. */
      readonly offset: number;
    };

export interface JsonLimits {
  /** Objects and arrays inside each other; a text without any has depth 0. */
  readonly depthMax: number;
  /** Values in all: objects, arrays and what is in them. */
  readonly valuesMax: number;
}

/**
 * Parses JSON of which no two parsers can make two things (RFC 8259 with the rules of I-JSON, RFC 7493).
 * Refused are besides bad syntax: what is not UTF-8, a byte order mark, a key twice, `__proto__` as a key,
 * `prototype` as a key of what `constructor` holds (each alone is an ordinary word), lone surrogates, whole
 * numbers beyond 2^53 - 1, numbers that become infinite or that become zero without being it, and what is
 * deeper or has more values than `limits` say. Fractions are rounded to the nearest double, as everywhere.
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): StrictJson {
  if (!isUtf8(bytes)) return refused('encoding', '', 0);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return refused('byteOrderMark', '', 0);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refused('syntax', '', syntaxOffset(error, text));
  }
  return new Scan(text, limits).run() ?? { ok: true, value };
}

type Refused = Extract<StrictJson, { ok: false }>;

function refused(reason: JsonFault, pointer: string, offset: number): Refused {
  return { ok: false, reason, pointer, offset };
}

function syntaxOffset(error: unknown, text: string): number {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return position === undefined ? text.length : Number(position);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Fewer characters than this, without an exponent, are a number that a double holds. */
const NUMBER_CHARACTERS_SAFE = 16;

/** One pass over a text that is known to be JSON, so that it need not be checked again what follows what. */
class Scan {
  readonly #text: string;
  readonly #limits: JsonLimits;
  /** The keys so far of the object at each depth; null for an array. */
  readonly #keys: (Set<string> | null)[] = [];
  /** The key or index at which the container of each depth is. */
  readonly #steps: (string | number)[] = [];
  /** Sets of containers that have ended, by depth. */
  readonly #spare: Set<string>[] = [];
  #depth = 0;
  #values = 0;
  #atKey = false;
  /** Set by `#stringEnd`. */
  #escaped = false;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  run(): Refused | null {
    const text = this.#text;
    let at = 0;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      let next = at + 1;
      let fault: Refused | null = null;
      if (code === QUOTE) {
        next = this.#stringEnd(next) + 1;
        fault = this.#atKey ? this.#key(at, next) : this.#string(at, next);
      } else if (code === COMMA) {
        this.#comma();
      } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        fault = this.#open(at, code === OPEN_BRACE);
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        this.#depth -= 1;
        this.#atKey = false;
      } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
        next = this.#numberEnd(next);
        fault = this.#number(at, next);
      } else if (code === LETTER_T || code === LETTER_N || code === LETTER_F) {
        next = at + (code === LETTER_F ? 5 : 4);
        fault = this.#count(at);
      }
      if (fault !== null) return fault;
      at = next;
    }
    return null;
  }

  #fault(reason: JsonFault, at: number): Refused {
    return refused(reason, pointerOf(this.#steps.slice(0, this.#depth)), at);
  }

  #count(at: number): Refused | null {
    this.#values += 1;
    return this.#values > this.#limits.valuesMax ? this.#fault('values', at) : null;
  }

  #open(at: number, isObject: boolean): Refused | null {
    if (this.#depth >= this.#limits.depthMax) return this.#fault('depth', at);
    const depth = this.#depth;
    if (isObject) {
      const keys = (this.#spare[depth] ??= new Set());
      keys.clear();
      this.#keys[depth] = keys;
      this.#steps[depth] = '';
    } else {
      this.#keys[depth] = null;
      this.#steps[depth] = 0;
    }
    this.#atKey = isObject;
    const fault = this.#count(at);
    this.#depth += 1;
    return fault;
  }

  #comma(): void {
    const depth = this.#depth - 1;
    if (this.#keys[depth] === null) this.#steps[depth] = Number(this.#steps[depth]) + 1;
    else this.#atKey = true;
  }

  /** Position of the closing quote. */
  #stringEnd(from: number): number {
    const text = this.#text;
    this.#escaped = false;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) return at;
      if (code === BACKSLASH) {
        this.#escaped = true;
        at += 1;
      }
      at += 1;
    }
  }

  #key(from: number, to: number): Refused | null {
    const key = this.#escaped
      ? (JSON.parse(this.#text.slice(from, to)) as string)
      : this.#text.slice(from + 1, to - 1);
    const depth = this.#depth - 1;
    const keys = this.#keys[depth];
    this.#steps[depth] = key;
    this.#atKey = false;
    if (this.#escaped && !key.isWellFormed()) return this.#fault('surrogate', from);
    if (this.#isForbidden(key, depth)) return this.#fault('forbiddenKey', from);
    if (keys?.has(key) === true) return this.#fault('duplicateKey', from);
    keys?.add(key);
    return null;
  }

  #isForbidden(key: string, depth: number): boolean {
    if (key === '__proto__') return true;
    return key === 'prototype' && depth > 0 && this.#steps[depth - 1] === 'constructor';
  }

  #string(from: number, to: number): Refused | null {
    // Text that was valid UTF-8 has a lone surrogate only by an escape.
    if (this.#escaped && !(JSON.parse(this.#text.slice(from, to)) as string).isWellFormed()) {
      return this.#fault('surrogate', from);
    }
    return this.#count(from);
  }

  #numberEnd(from: number): number {
    const text = this.#text;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      // Digits, `+`, `-`, `.`, `e` and `E`; past the end it is NaN.
      const goes =
        (code >= ZERO && code <= NINE) ||
        (code >= 0x2b && code <= 0x2e && code !== COMMA) ||
        (code | 0x20) === 0x65;
      if (!goes) return at;
      at += 1;
    }
  }

  #number(from: number, to: number): Refused | null {
    const literal = this.#text.slice(from, to);
    return isHeld(literal) ? this.#count(from) : this.#fault('number', from);
  }
}

function isHeld(literal: string): boolean {
  const hasExponent = /[eE]/.test(literal);
  if (!hasExponent && literal.length < NUMBER_CHARACTERS_SAFE) return true;
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(literal.replace(/[eE].*$/, ''));
  return hasExponent || Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
