import ajvFormats from 'ajv-formats/dist/formats.js';
import { charge, resetMeter } from './meter.ts';

/**
 * Formats of text that are checked, with the longest text of each in UTF-16 units. The bound keeps their
 * regular expressions cheap. `regex` is not among them: it would compile what a caller sends.
 */
const TEXT_FORMATS: Readonly<Record<string, number>> = {
  date: 10,
  'date-time': 64,
  duration: 64,
  email: 320,
  hostname: 253,
  ipv4: 15,
  ipv6: 45,
  'json-pointer': 2048,
  time: 64,
  uri: 2048,
  'uri-reference': 2048,
  uuid: 36,
};
const NUMBER_FORMATS = ['double', 'float', 'int32', 'int64'] as const;
/** Formats that say how a text is shown or carried, and nothing about its characters. */
const UNCHECKED_FORMATS = ['binary', 'password'] as const;

type Format = true | { type: 'number'; validate: (value: number) => boolean } | ((text: string) => boolean);

/** The formats that a schema may name. */
export const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ...Object.entries(TEXT_FORMATS).map(([name, max]): [string, Format] => [name, bounded(name, max)]),
  ...NUMBER_FORMATS.map((name): [string, Format] => [name, numeric(name)]),
  ...UNCHECKED_FORMATS.map((name): [string, Format] => [name, true]),
]);

/** True for formats that are about text, so that a schema with one is about text. */
export function isTextFormat(name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(TEXT_FORMATS, name);
}

/** Whether a text is a URI reference (RFC 3986), or a date with time and offset (RFC 3339); at most 2,048 and 64 characters. */
export function isText(format: 'uri-reference' | 'date-time', text: string): boolean {
  // It is no part of the check of a schema, and has the steps of one of its own.
  resetMeter();
  const check = FORMATS.get(format);
  return typeof check === 'function' && check(text);
}

function bounded(name: string, max: number): (text: string) => boolean {
  const format = ajvFormats.fullFormats[name as keyof typeof ajvFormats.fullFormats];
  const inner: unknown = typeof format === 'object' && 'validate' in format ? format.validate : format;
  if (inner instanceof RegExp) return (text) => fits(text, max) && inner.test(text);
  if (typeof inner !== 'function') throw new Error(`There is no format ${name}.`);
  const check = inner as (text: string) => boolean;
  return (text) => fits(text, max) && check(text);
}

function fits(text: string, max: number): boolean {
  if (text.length > max) return false;
  charge(text.length);
  return true;
}

function numeric(name: (typeof NUMBER_FORMATS)[number]): Format {
  const { validate } = ajvFormats.fullFormats[name] as { validate: (value: number) => boolean };
  return { type: 'number', validate };
}
