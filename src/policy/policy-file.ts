import { CordonError } from '../contract/index.ts';
import type { CedarEngine, DetailedError, PolicyJson } from './cedar.ts';
import type { PolicyText } from './port.ts';
import type { PolicyProblem } from './problem.ts';
import { schemaOf } from './schema.ts';
import type { GuardedRoute } from './guarded-route.ts';
import { depthProblem, textProblem, withoutComments } from './policy-text.ts';

/** A policy that has been read. */
export interface Policy extends PolicyText {
  readonly json: PolicyJson;
}

/** The policies of a file, in their order, and what is wrong with them. */
export interface PolicyFile {
  readonly name: string;
  readonly policies: readonly Policy[];
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly string[];
}

const ID = /^[^\p{C}"\\]{1,100}$/u;

/** Reads the policies of a file. Whether they can mean what they say is told by `validatePolicyFile`. */
export function readPolicyFile(cedar: CedarEngine, name: string, text: string): PolicyFile {
  const file = new FileText(name, text);
  const refused = (...problems: PolicyProblem[]): PolicyFile => ({
    name,
    policies: [],
    problems,
    warnings: [],
  });
  const bounds = textProblem(text);
  if (bounds !== null) return refused(file.problem(bounds.offset, null, bounds.message, 'split it'));
  const parts = cedar.split(text);
  if (!('policies' in parts)) return refused(...parts.map((error) => file.cedarProblem(error, null)));
  if (parts.templates > 0) {
    const help = 'write out who and what, in the place of ?principal and ?resource';
    return refused(file.problem(file.slot(), null, 'a template is not a policy', help));
  }
  const policies = file.place(inOrder(parts.policies)).map(({ offset, text: own }): Policy => {
    const json = cedar.read(own);
    const { line } = file.at(offset);
    const id = json.annotations?.['id'] ?? `${name}:${line}`;
    return { id, effect: json.effect, file: name, line, text: own, json };
  });
  const problems = [...idProblems(file, policies), ...depthProblems(file, policies)];
  return { name, policies, problems, warnings: warningsOf(name, policies) };
}

/** Validates a file that has been read, against the actions of the routes that use it. */
export function validatePolicyFile(
  cedar: CedarEngine,
  { name, policies }: PolicyFile,
  text: string,
  routes: readonly GuardedRoute[],
): PolicyProblem[] {
  const file = new FileText(name, text);
  return cedar
    .validate(text, schemaOf(routes))
    .map(({ policy, error }) => file.cedarProblem(error, policies[policy ?? -1] ?? null));
}

/** The engine gives policies in the order of their names: `policy0`, `policy1`, `policy10`, `policy2`. */
function inOrder(policies: readonly string[]): string[] {
  const ordered: string[] = [];
  const numbers = [...policies.keys()].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  for (const [index, number] of numbers.entries()) ordered[number] = policies[index] ?? '';
  return ordered;
}

function idProblems(file: FileText, policies: readonly Policy[]): PolicyProblem[] {
  const seen = new Map<string, number>();
  return policies.flatMap(({ id, line, json }): PolicyProblem[] => {
    const before = seen.get(id);
    seen.set(id, line);
    const at = { file: file.name, line, column: 1, policy: id };
    if (before !== undefined) {
      const isAnonymous = id === `${file.name}:${line}`;
      const message = isAnonymous ? 'two policies on one line' : `the id is that of line ${before} already`;
      return [{ ...at, message, help: 'give each policy an `@id("…")` of its own' }];
    }
    if (json.annotations?.['id'] === undefined || ID.test(id)) return [];
    const message = 'the `@id` is empty, longer than 100 characters or holds one that cannot be printed';
    return [{ ...at, policy: null, message, help: 'choose a short name' }];
  });
}

function depthProblems(file: FileText, policies: readonly Policy[]): PolicyProblem[] {
  return policies.flatMap(({ id, line, json }) => {
    const message = depthProblem(json);
    return message === null ? [] : [{ file: file.name, line, column: 1, policy: id, message, help: null }];
  });
}

function warningsOf(name: string, policies: readonly Policy[]): string[] {
  if (policies.length === 0) return [`${name} holds no policy, so that its routes refuse everyone`];
  if (policies.some(({ effect }) => effect === 'permit')) return [];
  return [`${name} holds no permit, so that its routes refuse everyone`];
}

/** The text of a file, with lines and columns for the offsets that Cedar gives. */
class FileText {
  readonly name: string;
  readonly #text: string;
  readonly #bytes: Buffer;
  readonly #lineStarts: readonly number[];

  constructor(name: string, text: string) {
    this.name = name;
    this.#text = text;
    this.#bytes = Buffer.from(text);
    this.#lineStarts = [0, ...text.matchAll(/\r\n|\n|\r/g).map((end) => end.index + end[0].length)];
  }

  /** Where each of the policies starts. */
  place(policies: readonly string[]): { readonly offset: number; readonly text: string }[] {
    const bare = withoutComments(this.#text);
    let from = 0;
    return policies.map((text) => {
      const offset = bare.indexOf(withoutComments(text), from);
      if (offset === -1)
        throw new CordonError('CORDON_INTERNAL', `A policy of ${this.name} is not in its text.`);
      from = offset + text.length;
      return { offset, text };
    });
  }

  /** Where the first slot of a template is. */
  slot(): number {
    return Math.max(0, withoutComments(this.#text).search(/\?(?:principal|resource)\b/));
  }

  /** Line and column, from 1, of an offset in UTF-16 units. */
  at(offset: number): { readonly line: number; readonly column: number } {
    const index = this.#lineStarts.findLastIndex((start) => start <= offset);
    return { line: index + 1, column: offset - (this.#lineStarts[index] ?? 0) + 1 };
  }

  problem(offset: number | null, policy: string | null, message: string, help: string | null): PolicyProblem {
    const place = offset === null ? { line: null, column: null } : this.at(offset);
    return { file: this.name, ...place, policy, message, help };
  }

  /** Cedar counts in bytes of UTF-8. */
  cedarProblem(error: DetailedError, policy: Policy | null): PolicyProblem {
    const [location] = error.sourceLocations ?? [];
    const offset = location === undefined ? null : this.#bytes.subarray(0, location.start).toString().length;
    const message = error.message
      .replace(/^failed to parse policies from string: /, '')
      .replace(/(^|: )for policy `policy\d+`, /, '$1')
      .replace(/\.$/, '');
    const label = location?.label ?? null;
    const help = (error.help ?? label)?.replace(/^for policy `policy\d+`, /, '').replace(/\.$/, '') ?? null;
    if (offset === null && policy !== null)
      return { file: this.name, line: policy.line, column: 1, policy: policy.id, message, help };
    return this.problem(offset, policy?.id ?? null, message, help);
  }
}
