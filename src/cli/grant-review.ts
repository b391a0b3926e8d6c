import type { CallResult } from '../client/index.ts';
import type { FunctionSpec, Manifest } from '../manifest/index.ts';
import type {
  Comparison,
  Finding,
  ObservedUse,
  Place,
  UnusedGrant,
  UsedOperation,
} from '../permissions/index.ts';
import { removeGrant } from './remove-grant.ts';

type ServerUse = CallResult<'GET /v1/apps/{app}/uses'>['uses'][number];

/** One operation on one resource. */
export interface GrantRow {
  /**
   * `used`: used and granted. `missing`: used, not granted. `unused`: granted, not used. `excused`: not used,
   * with a reason. `possible`: not seen to be used, but code that cannot be followed may. `wildcard`: grants
   * hosts that it does not name.
   */
  readonly state: 'used' | 'missing' | 'unused' | 'excused' | 'possible' | 'wildcard';
  /** Such as `kv ORDERS` or `fetch https://api.example.com/v1/*`. */
  readonly subject: string;
  readonly operation: string;
  /** Where the code does it, as `file:line:column`. */
  readonly places: readonly string[];
  /** Calls that the server allowed and refused. */
  readonly calls: number;
  readonly denials: number;
  /** What to do; empty where nothing is. */
  readonly advice: string;
}

/** What one function uses and is granted. */
export interface FunctionReview {
  readonly function: string;
  readonly rows: readonly GrantRow[];
  /** Places at which the code may use more than is seen. */
  readonly unknown: readonly { readonly why: string; readonly place: string }[];
}

export interface AppReview {
  readonly functions: readonly FunctionReview[];
  /** The text of the manifest with what is missing added and what is unused removed; its comments stay. */
  readonly rewrite: () => string;
}

export interface AppUnderReview {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of cordon.jsonc. */
  readonly text: string;
  readonly observed: readonly ServerUse[];
}

/** Reads the code of an app and compares what it uses, and was seen to use, with what it is granted. Errors: those of bundling. */
export async function reviewApp({ folder, manifest, text, observed }: AppUnderReview): Promise<AppReview> {
  const { bundleReadable } = await import('../deploy/collect/index.ts');
  const { analyseApart, compare, UNKNOWN_REASONS, writeGrants } = await import('../permissions/index.ts');
  const bundles = await bundleReadable(folder, manifest);
  const compared: {
    readonly spec: FunctionSpec;
    readonly uses: ServerUse[];
    readonly comparison: Comparison;
  }[] = [];
  for (const spec of manifest.functions) {
    const { grants, vars, entry } = spec;
    const bundle = bundles.get(entry);
    const findings: Finding[] =
      bundle === undefined
        ? []
        : await analyseApart(bundle.code, { sourceMap: bundle.sourceMap, grants, vars });
    const uses = observed.filter((use) => use.function === spec.name);
    compared.push({ spec, uses, comparison: compare(findings, uses.flatMap(observedUse), grants) });
  }
  return {
    functions: compared.map(({ spec, uses, comparison }) => ({
      function: spec.name,
      rows: rowsOf(comparison, uses),
      unknown: comparison.unknown.map(({ reason, detail, place }) => ({
        why: detail === '' ? UNKNOWN_REASONS[reason] : `${UNKNOWN_REASONS[reason]} (${detail})`,
        place: placeText(place),
      })),
    })),
    rewrite: () =>
      compared.reduce((before, { spec, comparison }) => {
        const trimmed = comparison.unused
          .filter(isUnused)
          .reduceRight((now, unused) => removeGrant(now, spec.name, unused), before);
        return writeGrants(trimmed, spec.name, comparison.missing).text;
      }, text),
  };
}

/** What the broker counted, in the words of the analysis. Requests are counted by origin alone: they say too little. */
function observedUse({ capability, binding, operation, resource, count }: ServerUse): ObservedUse[] {
  const use = { binding, count };
  switch (capability) {
    case 'kv':
    case 'bucket':
    case 'queue':
    case 'service':
      return [{ ...use, capability, operation, resource: null }];
    case 'pipe':
      // One call may send events of several types.
      return resource
        .replace(/^pipe:/, '')
        .split(',')
        .map((type) => ({ ...use, capability, operation, resource: type }));
    case 'secret':
      return [{ ...use, capability, operation: 'read', resource: null }];
    case 'connect':
      return [
        {
          capability,
          count,
          binding: null,
          operation: 'connect',
          resource: resource.replace(/^connect:/, ''),
        },
      ];
    default:
      return [];
  }
}

function rowsOf(comparison: Comparison, uses: readonly ServerUse[]): GrantRow[] {
  const rows = new Map<string, GrantRow>();
  const add = (state: GrantRow['state'], use: UsedOperation, advice: string): void => {
    const subject = subjectOf(use);
    const key = JSON.stringify([state, subject, use.operation]);
    const before = rows.get(key)?.places ?? [];
    const places = [...new Set([...before, ...use.places.map(placeText)])];
    rows.set(key, { state, subject, operation: use.operation, places, ...countsOf(use, uses), advice });
  };
  const missing = new Set(comparison.missing.map(keyOf));
  for (const use of comparison.used) if (!missing.has(keyOf(use))) add('used', use, '');
  for (const use of comparison.missing) add('missing', use, use.advice);
  const granted = comparison.unused.map((unused): GrantRow => ({
    state: unused.because !== null ? 'excused' : unused.certain ? 'unused' : 'possible',
    subject: `${unused.capability} ${unused.binding ?? unused.resource}`,
    operation: unused.operation,
    places: [],
    calls: 0,
    denials: 0,
    advice: unused.because ?? unused.advice,
  }));
  const wide = comparison.wildcard
    .filter(({ justified }) => !justified)
    .map(({ to, advice }): GrantRow => ({
      ...NOTHING_SEEN,
      state: 'wildcard',
      subject: `fetch ${to}`,
      advice,
    }));
  return [...rows.values(), ...granted, ...wide];
}

const NOTHING_SEEN = { operation: '*', places: [], calls: 0, denials: 0 } as const;

function keyOf({ capability, binding, operation, resource }: UsedOperation): string {
  return JSON.stringify([capability, binding, operation, resource]);
}

function subjectOf({ capability, binding, resource }: UsedOperation): string {
  if (binding !== null) return `${capability} ${binding}`;
  return `${capability} ${resource === null ? '?' : resource.text + (resource.whole ? '' : '*')}`;
}

function countsOf(
  use: UsedOperation,
  uses: readonly ServerUse[],
): { readonly calls: number; readonly denials: number } {
  const same = uses.filter((seen) => {
    if (seen.capability !== use.capability) return false;
    if (use.capability === 'fetch') {
      const origin = seen.resource.slice('fetch:'.length);
      return seen.operation === use.operation && use.resource?.text.startsWith(`${origin}/`) === true;
    }
    if (use.capability === 'connect') return seen.resource === `connect:${use.resource?.text ?? ''}`;
    return seen.binding === use.binding && (use.capability === 'secret' || seen.operation === use.operation);
  });
  const sum = (outcome: ServerUse['outcome']): number =>
    same.reduce((total, seen) => total + (seen.outcome === outcome ? seen.count : 0), 0);
  return { calls: sum('allow'), denials: sum('deny') };
}

function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

function isUnused({ certain, because }: UnusedGrant): boolean {
  return certain && because === null;
}
