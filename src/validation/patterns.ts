import { RE2JS } from 're2js';
import { LIMITS } from '../contract/index.ts';
import { charge } from './meter.ts';

/** A regular expression as ajv uses it. Its text tells it from others. */
export interface Pattern {
  /** Size of its automaton. */
  readonly instructions: number;
  test(text: string): boolean;
  toString(): string;
}

/** Instructions of an automaton that one step pays for, per character. */
const INSTRUCTIONS_PER_STEP = 4;

/**
 * Compiles a regular expression of a schema for RE2, whose time is linear in the text whatever the
 * expression is; so what RE2 has not (look-around, back references) is refused. It reads the syntax of
 * ECMAScript; `.` takes every character but `\n`, and `\s` is ASCII space alone.
 * Throws an Error that says what is wrong.
 */
export function compilePattern(source: string): Pattern {
  const charactersMax = LIMITS.schemaPatternCharactersMax.value;
  if (source.length > charactersMax) throw new Error(`it has more than ${charactersMax} characters`);
  const compiled = RE2JS.compile(RE2JS.translateRegExp(source));
  // Where the states of an expression do not fit its cache, a character costs as much as the automaton is large.
  const instructions = compiled.programSize();
  const stepsPerCharacter = 1 + instructions / INSTRUCTIONS_PER_STEP;
  return {
    instructions,
    test: (text) => {
      charge(1 + text.length * stepsPerCharacter);
      return compiled.test(text);
    },
    toString: () => source,
  };
}
