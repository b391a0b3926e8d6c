import { BINDING_TYPES, METHODS_OF } from './binding-types.ts';
import { EVENT_TYPES } from './event-types.ts';
import { handlersNeeded } from './handlers.ts';
import type { FunctionSpec, Manifest } from './schema.ts';

const KINDS = ['kv', 'bucket', 'queue', 'service', 'pipe'] as const;

/** The text of `cordon.d.ts`: what `env` and `ctx` of each function are, as `Cordon.OrdersEnv` and `Cordon.Context`. */
export function typesOf(manifest: Manifest): string {
  const used = KINDS.filter((kind) =>
    manifest.functions.some(({ grants }) => Object.keys(grants[kind]).length > 0),
  );
  return [
    '// Written by `cordon types` from cordon.jsonc. Changes here are lost.',
    'declare namespace Cordon {',
    '  /** `ctx` of every handler. */',
    '  interface Context {',
    '    /** Keeps the instance until the promise settles, after the response was sent. */',
    '    waitUntil(promise: Promise<unknown>): void;',
    '  }',
    ...eventTypesOf(manifest),
    ...manifest.functions.flatMap(envOf),
    ...used.map((kind) => BINDING_TYPES[kind]),
    '}',
    '',
    "declare module '*.wasm' {",
    '  const module: WebAssembly.Module;',
    '  export default module;',
    '}',
    '',
  ].join('\n');
}

/** What the handlers of events get, for those that the manifest has sources of. */
function eventTypesOf(manifest: Manifest): string[] {
  const handlers = new Set(manifest.functions.flatMap(handlersNeeded).map(({ handler }) => handler));
  return (['queue', 'scheduled', 'event'] as const)
    .filter((handler) => handlers.has(handler))
    .map((handler) => EVENT_TYPES[handler]);
}

function envOf(fn: FunctionSpec): string[] {
  const members = [...Object.keys(fn.vars).map((name) => [name, 'string'] as const), ...bindingsOf(fn)];
  return [
    '',
    `  /** \`env\` of the function "${fn.name}". */`,
    `  interface ${pascalCase(fn.name)}Env {`,
    ...members
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, type]) => `    readonly ${name}: ${type};`),
    '  }',
  ];
}

/** Names and types of bindings: each has the methods that its grant names, and no other. */
function bindingsOf({ grants }: FunctionSpec): (readonly [string, string])[] {
  return [
    ...entriesOf(grants.kv, ({ can }) => limited('KVNamespace', METHODS_OF.kv, can)),
    ...entriesOf(grants.bucket, ({ can }) => limited('R2Bucket', METHODS_OF.bucket, can)),
    ...entriesOf(grants.queue, () => 'Queue'),
    ...entriesOf(grants.service, () => 'Fetcher'),
    ...entriesOf(grants.pipe, ({ types }) => `Pipe<${types.map((type) => `'${type}'`).join(' | ')}>`),
    // A handle, or the value where the grant says `reveal`.
    ...entriesOf(grants.secret, () => 'string'),
  ];
}

function entriesOf<T>(
  grants: Readonly<Record<string, T>>,
  typeOf: (grant: T) => string,
): (readonly [string, string])[] {
  return Object.entries(grants).map(([name, grant]) => [name, typeOf(grant)]);
}

function limited<Operation extends string>(
  type: string,
  methods: Readonly<Record<Operation, readonly string[]>>,
  can: readonly Operation[],
): string {
  const all = Object.keys(methods) as Operation[];
  const granted = all.filter((operation) => can.includes(operation));
  if (granted.length === all.length) return type;
  const names = granted.flatMap((operation) => methods[operation]).map((name) => `'${name}'`);
  return `Pick<${type}, ${names.join(' | ')}>`;
}

/** Distinct for distinct names: digits that follow a hyphen keep an underscore. */
function pascalCase(name: string): string {
  return name
    .split('-')
    .map((part, index) =>
      index > 0 && !/^[a-z]/.test(part) ? `_${part}` : part.charAt(0).toUpperCase() + part.slice(1),
    )
    .join('');
}
