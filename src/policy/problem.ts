import { CordonError } from '../contract/index.ts';
import { codeFrame } from '../manifest/index.ts';

const PROBLEMS_MAX = 50;

/** One thing that is wrong with a file of policies, or with what the manifest lets policies see. */
export interface PolicyProblem {
  /** File of the app; `cordon.jsonc` for what the manifest says. */
  readonly file: string;
  /** From 1; null where the whole file is meant. */
  readonly line: number | null;
  /** From 1, in UTF-16 units. */
  readonly column: number | null;
  /** Id of the policy, where it is known. */
  readonly policy: string | null;
  readonly message: string;
  /** What to do about it, null where nobody knows. */
  readonly help: string | null;
}

/** One CORDON_POLICY_INVALID for all problems, with a frame of the text of each; `texts` by file. */
export function policyError(
  problems: readonly PolicyProblem[],
  texts: Readonly<Record<string, string>> = {},
): CordonError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  const blocks = shown.map((problem) => {
    const text = texts[problem.file];
    if (text === undefined || problem.line === null) return sentence(problem);
    return `${sentence(problem)}\n${codeFrame(text, problem.line, problem.column ?? 1)}`;
  });
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const [first] = shown;
  return new CordonError(
    'CORDON_POLICY_INVALID',
    `The policies cannot be used: ${count}.\n\n${blocks.join('\n\n')}`,
    {
      details: {
        problems: shown,
        ...(first === undefined ? {} : { file: first.file }),
        ...(first === undefined || first.line === null
          ? {}
          : { line: first.line, column: first.column ?? 1 }),
      },
    },
  );
}

/** A problem with what the manifest lets policies see. */
export function manifestProblem(message: string, help: string): PolicyProblem {
  return { file: 'cordon.jsonc', line: null, column: null, policy: null, message, help };
}

function sentence({ file, line, column, policy, message, help }: PolicyProblem): string {
  const place = line === null ? file : `${file}:${line}:${column ?? 1}`;
  const subject = policy === null || policy === `${file}:${line}` ? '' : ` ${policy}:`;
  return `${place}:${subject} ${message}.${help === null ? '' : ` ${asSentence(help)}`}`;
}

function asSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
}
