import { Script, SourceTextModule, SyntheticModule } from 'node:vm';
import type { AssignHead } from '../channel/index.ts';

const decoder = new TextDecoder();

/** Names of handlers that an entry module may export. */
export const HANDLERS = ['fetch', 'scheduled', 'queue', 'event'] as const;

export type Handler = (first: unknown, env: unknown, context: unknown) => unknown;

export interface LoadedModule {
  /** `this` of the handlers: the default export. */
  readonly self: object;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Code cache made before any of the code ran; null where the format has none. */
  readonly codeCache: Uint8Array | null;
}

/** The module loaded, but what it exports is not a handler. */
export class InvalidModule extends Error {
  override readonly name = 'InvalidModule';
}

/** Runs a bundle. Errors: whatever the code throws at its top level, or `InvalidModule`. */
export async function loadModule(
  head: AssignHead,
  bundle: Uint8Array,
  codeCache: Uint8Array | null,
  makeCache: boolean,
): Promise<LoadedModule> {
  const source = decoder.decode(bundle);
  if (head.format === 'module') {
    return { ...readHandlers(await evaluateModule(source, head.name)), codeCache: null };
  }
  const script = new Script(`(function(exports,require,module){${source}\n})`, {
    filename: `${head.name}.js`,
    ...(codeCache === null ? {} : { cachedData: codeCache }),
  });
  const made = makeCache ? script.createCachedData() : null;
  const run = script.runInThisContext() as (exports: object, require: unknown, module: object) => void;
  const module: { exports: Record<string, unknown> } = { exports: {} };
  run(module.exports, requireBuiltin, module);
  return { ...readHandlers(module.exports), codeCache: made };
}

function requireBuiltin(name: string): unknown {
  const module = process.getBuiltinModule(name);
  if (module === undefined)
    throw new Error(`Cannot find module '${name}': only node: builtins exist besides the bundle.`);
  return module;
}

async function evaluateModule(source: string, name: string): Promise<Record<string, unknown>> {
  const module = new SourceTextModule(source, { identifier: `${name}.js` });
  await module.link((specifier) => {
    const builtin = requireBuiltin(specifier) as Record<string, unknown>;
    const names = [...new Set([...Object.keys(builtin), 'default'])];
    return new SyntheticModule(
      names,
      function evaluate() {
        for (const key of names)
          this.setExport(key, key === 'default' ? (builtin['default'] ?? builtin) : builtin[key]);
      },
      { identifier: specifier },
    );
  });
  await module.evaluate();
  return module.namespace;
}

function readHandlers(exports: Record<string, unknown>): { self: object; handlers: Map<string, Handler> } {
  let self = exports['default'];
  if (typeof self === 'function' && isClass(self)) self = new (self as new () => object)();
  if (typeof self === 'function' && !('fetch' in self)) {
    throw new InvalidModule('The default export is a function. Export an object with a `fetch` function.');
  }
  if (self === null || (typeof self !== 'object' && typeof self !== 'function')) {
    throw new InvalidModule(
      'There is no default export with handlers. Export default { fetch(request, env, ctx) { … } }.',
    );
  }
  const handlers = new Map<string, Handler>();
  for (const name of HANDLERS) {
    const value: unknown = (self as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (typeof value !== 'function')
      throw new InvalidModule(`\`${name}\` is not a function but ${typeof value}.`);
    handlers.set(name, value as Handler);
  }
  if (handlers.size === 0) {
    throw new InvalidModule(`The default export has none of the handlers ${HANDLERS.join(', ')}.`);
  }
  return { self, handlers };
}

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class');
}
