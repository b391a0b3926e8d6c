import { LIMITS } from '../contract/index.ts';
import type { PolicyJson } from './cedar.ts';

/** Strings and comments, as Cedar's own lexer delimits them. A string without an end goes to the end of the text. */
const OPAQUE = /"[^"\\]*(?:\\[^][^"\\]*)*"?|\/\/[^\n\r]*/g;
const TOKEN = /[([{)\]};]|&&|\|\||[-+*/%!.<>]|==|\b(?:if|in|is|has|like)\b/g;
/** In the JSON of an expression each operator is an object inside of an object. */
const JSON_LEVELS = 2;

/** Where in a text it is more, null for the whole, than Cedar's stack holds, and of what. */
export interface TextProblem {
  readonly offset: number | null;
  readonly message: string;
}

/**
 * Says whether a text can be given to Cedar's parser. The parser and the evaluator are recursive, and in
 * WebAssembly nothing watches their stack of 1 MiB: 117 brackets inside of each other, or an expression 363
 * levels deep, is more than it holds.
 */
export function textProblem(text: string): TextProblem | null {
  const bytesMax = LIMITS.policyFileBytesMax.value;
  if (Buffer.byteLength(text) > bytesMax) return { offset: null, message: `more than ${bytesMax} bytes` };
  const bare = text.replace(OPAQUE, (match) => ' '.repeat(match.length));
  const count = bare.split(';').length - 1;
  const countMax = LIMITS.policiesPerFileMax.value;
  if (count > countMax)
    return { offset: null, message: `${count} policies, of which at most ${countMax} are allowed in a file` };
  const nestingMax = LIMITS.policyNestingMax.value;
  const operatorsMax = LIMITS.policyOperatorsMax.value;
  let nesting = 0;
  let operators = 0;
  for (const { 0: token, index: offset } of bare.matchAll(TOKEN)) {
    if (token === ';') operators = 0;
    else if ('([{'.includes(token)) nesting++;
    else if (')]}'.includes(token)) nesting = Math.max(0, nesting - 1);
    else operators++;
    if (nesting > nestingMax)
      return { offset, message: `more than ${nestingMax} brackets inside of each other` };
    if (operators > operatorsMax)
      return { offset, message: `a policy of more than ${operatorsMax} operators` };
  }
  return null;
}

/** The same text with spaces in the place of its comments. */
export function withoutComments(text: string): string {
  return text.replace(OPAQUE, (match) => (match.startsWith('//') ? ' '.repeat(match.length) : match));
}

/** Null, or why a policy is more than can be evaluated safely. */
export function depthProblem(policy: PolicyJson): string | null {
  const depthMax = LIMITS.policyDepthMax.value;
  return policy.conditions.some(({ body }) => isDeeper(body, depthMax * JSON_LEVELS))
    ? `an expression of more than ${depthMax} levels; use a set and \`contains\` in the place of a long chain`
    : null;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
