import { parseSync } from 'oxc-parser';
import type { Finding, Place, UnknownReason } from './finding.ts';
import { Interpreter, type Fact } from './interpreter.ts';
import { isFramework, packageOf, packageParts, type PackagePart } from './packages.ts';
import { placesOf, type Places, type SourceMapPayload } from './places.ts';
import { resolveScopes } from './scopes.ts';
import { AnalysisCut } from './store.ts';
import { bundlerCodeOf, depthOf, type Oxc } from './syntax.ts';
import { NO_GRANTS, type Grants } from '../manifest/index.ts';

const MIB = 1024 * 1024;
/** Largest bundle that is analysed, in characters. */
export const BUNDLE_LENGTH_MAX = 4 * MIB;
/** Deepest syntax that is analysed, in levels: evaluation recurses with it. */
export const DEPTH_MAX = 600;
const TIME_MS_MAX = 10_000;
const STEPS_MAX = 5_000_000;
/** What evaluation of packages may take, before they are left out. */
const STEPS_WITH_PACKAGES_MAX = 250_000;
const TIME_WITH_PACKAGES_MS_MAX = 2_000;

export interface AnalyseOptions {
  /** Source map of the bundle, to give places in the sources. */
  readonly sourceMap?: object;
  /** Kinds of the bindings. Default: none, so that kinds are told by methods alone. */
  readonly grants?: Grants;
  /** Plain values in `env`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Default: 10 s. */
  readonly timeMsMax?: number;
  /** Steps of evaluation. Default: 5 million. */
  readonly stepsMax?: number;
}

/**
 * What the code of a bundle uses of `env` and of the network, over all paths that it may take, and every place
 * at which that cannot be told. The code is only read, never run. Whatever the text is, the answer is a list:
 * code that cannot be read or is too much gives an `unknown`.
 *
 * The parser's own recursion can overflow the stack of the process on hostile code: use `analyseApart` for
 * code that is not your own.
 */
export function analyse(code: string, options: AnalyseOptions = {}): Finding[] {
  const places = placesOf(code, options.sourceMap as SourceMapPayload | undefined);
  const refuse = (reason: UnknownReason, offset = 0): Finding[] => [
    { kind: 'unknown', reason, detail: '', place: places.at(offset) },
  ];
  if (code.length > BUNDLE_LENGTH_MAX) return refuse('code-too-large');
  try {
    const { program, errors } = parseSync('bundle.js', code, { sourceType: 'module', preserveParens: false });
    if (errors.some(({ severity }) => String(severity) === 'Error')) return refuse('code-unreadable');
    if (depthOf(program) > DEPTH_MAX) return refuse('code-too-deep');
    const { facts, cut } = evaluateProgram(program, places, options);
    const findings = findingsOf(facts, places);
    return cut === null ? findings : [...findings, ...refuse(cut)];
  } catch (thrown) {
    // The stack of this thread is used up by the tree of the program.
    if (thrown instanceof RangeError) return refuse('code-too-deep');
    throw thrown;
  }
}

interface Evaluated {
  readonly facts: readonly Fact[];
  readonly cut: UnknownReason | null;
}

/** Looks into packages as well at first, and when that is too much, only at what the app itself does. */
function evaluateProgram(program: Oxc.Program, places: Places, options: AnalyseOptions): Evaluated {
  const parts = packageParts(program, places);
  const frameworks = parts.filter(({ name }) => isFramework(name));
  const deadline = performance.now() + (options.timeMsMax ?? TIME_MS_MAX);
  const stepsMax = options.stepsMax ?? STEPS_MAX;
  const scopes = resolveScopes(program);
  const attempt = (opaque: readonly PackagePart[], steps: number, until: number): Evaluated => {
    const interpreter = new Interpreter({
      program,
      scopes,
      opaque,
      grants: options.grants ?? NO_GRANTS,
      vars: options.vars ?? {},
      limits: { stepsMax: steps, deadline: until, bundlerCode: bundlerCodeOf(program) },
    });
    const cut = runToEnd(interpreter);
    return { facts: interpreter.facts, cut };
  };
  if (parts.length === frameworks.length) return attempt(parts, stepsMax, deadline);
  const whole = attempt(
    frameworks,
    Math.min(stepsMax, STEPS_WITH_PACKAGES_MAX),
    Math.min(deadline, performance.now() + TIME_WITH_PACKAGES_MS_MAX),
  );
  return whole.cut === null ? whole : attempt(parts, stepsMax, deadline);
}

function runToEnd(interpreter: Interpreter): UnknownReason | null {
  try {
    interpreter.run();
    return null;
  } catch (thrown) {
    if (thrown instanceof AnalysisCut) return 'analysis-cut';
    if (thrown instanceof RangeError) return 'code-too-deep';
    throw thrown;
  }
}

function findingsOf(facts: readonly Fact[], places: Places): Finding[] {
  const found = new Map<string, Finding>();
  const operated = new Set<string>();
  for (const fact of facts) {
    if (
      'use' in fact &&
      fact.use.capability !== 'secret' &&
      fact.use.operation !== 'read' &&
      fact.use.binding !== null
    )
      operated.add(fact.use.binding);
  }
  for (const fact of facts) {
    const place = places.at(fact.offset);
    if (isNoise(fact, place, operated)) continue;
    const finding: Finding =
      'use' in fact
        ? { kind: 'use', ...fact.use, place }
        : { kind: 'unknown', reason: fact.reason, detail: fact.detail, place };
    found.set(JSON.stringify(finding), finding);
  }
  return withoutCovered([...found.values()]).toSorted(
    (a, b) =>
      a.place.file.localeCompare(b.place.file) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column ||
      JSON.stringify(a).localeCompare(JSON.stringify(b)),
  );
}

/** Leaves out what another finding says as well: keys below a known beginning, and places inside of the bundler's code. */
function withoutCovered(findings: readonly Finding[]): Finding[] {
  const beginnings = new Map<string, string[]>();
  const elsewhere = new Set<string>();
  for (const finding of findings) {
    if (finding.kind === 'use' && finding.resource?.whole === false) {
      const key = subjectOf(finding, true);
      beginnings.set(key, [...(beginnings.get(key) ?? []), finding.resource.text]);
    }
    if (finding.place.file !== 'bundle') elsewhere.add(subjectOf(finding, false));
  }
  return findings.filter((finding) => {
    if (finding.place.file === 'bundle' && elsewhere.has(subjectOf(finding, false))) return false;
    if (finding.kind === 'unknown' || finding.resource === null) return true;
    const { text, whole } = finding.resource;
    const covering = beginnings.get(subjectOf(finding, true)) ?? [];
    return !covering.some((beginning) => text.startsWith(beginning) && (whole || text !== beginning));
  });
}

function subjectOf(finding: Finding, withPlace: boolean): string {
  const place = withPlace ? finding.place : null;
  if (finding.kind === 'unknown') return JSON.stringify([place, finding.reason]);
  return JSON.stringify([place, finding.capability, finding.binding, finding.operation]);
}

/** Calls of nothing inside of packages are their optional hooks; a binding with operations need not be named as read. */
function isNoise(fact: Fact, place: Place, operated: ReadonlySet<string>): boolean {
  if ('reason' in fact) return fact.reason === 'callee-unknown' && packageOf(place.file) !== null;
  const { capability, operation, binding } = fact.use;
  return capability === 'binding' && operation === 'read' && binding !== null && operated.has(binding);
}
