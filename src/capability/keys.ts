import { Buffer } from 'node:buffer';
import type { z } from 'zod';
import { CordonError } from '../contract/index.ts';

const CURSOR_CHARACTERS_MAX = 4096;

/** What is wrong with a key, or null. */
export function keyProblem(key: string, bytesMax: number): string | null {
  if (key === '') return 'is empty';
  // Most keys are short: no need to count what cannot be too long.
  if (key.length * 3 > bytesMax && Buffer.byteLength(key) > bytesMax)
    return `has ${Buffer.byteLength(key)} bytes, at most ${bytesMax} are allowed`;
  if (key.includes('\0')) return 'holds a NUL';
  return key.isWellFormed() ? null : 'is not well-formed Unicode';
}

/** Keys from `from` up to, not including, `to`, in the order of their code points; null: no end. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | null;
}

/** The keys that start with a prefix. */
export function rangeOfPrefix(prefix: string): KeyRange {
  return { from: prefix, to: afterPrefix(prefix) };
}

/** The first text after all that start with the prefix; null: there is none. */
export function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    // Surrogates are no characters of their own.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return null;
}

/** A cursor says where a list goes on; what it may reach is checked again with each call. */
export function cursorOf(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Errors: CORDON_CURSOR_INVALID. */
export function textOfCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (cursor.length > CURSOR_CHARACTERS_MAX || cursorOf(text) !== cursor)
    throw new CordonError('CORDON_CURSOR_INVALID');
  return text;
}

/** Reads the arguments of a call. Errors: CORDON_CALL_INVALID with what is wrong, and where. */
export function readArguments<T>(schema: z.ZodType<T>, operation: string, args: unknown): T {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  throw new CordonError(
    'CORDON_CALL_INVALID',
    `Cannot ${operation}: ${path === '' ? 'the arguments' : path}: ${issue?.message ?? 'invalid'}.`,
  );
}

/** An own property of arguments that are not checked yet. */
export function propertyOf(args: unknown, name: string): unknown {
  return typeof args === 'object' && args !== null && Object.hasOwn(args, name)
    ? (args as Record<string, unknown>)[name]
    : undefined;
}

/** A text property of arguments that are not checked yet, as a list of none or one. */
export function textsOf(args: unknown, name: string): readonly string[] {
  const value = propertyOf(args, name);
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
