import type { FunctionSpec, Manifest } from './schema.ts';

/** The text of `cordon.d.ts`: what `env` and `ctx` of each function are, as `Cordon.OrdersEnv` and `Cordon.Context`. */
export function typesOf(manifest: Manifest): string {
  return [
    '// Written by `cordon types` from cordon.jsonc. Changes here are lost.',
    'declare namespace Cordon {',
    '  /** `ctx` of every handler. */',
    '  interface Context {',
    '    /** Keeps the instance until the promise settles, after the response was sent. */',
    '    waitUntil(promise: Promise<unknown>): void;',
    '  }',
    ...manifest.functions.flatMap(envOf),
    '}',
    '',
    "declare module '*.wasm' {",
    '  const module: WebAssembly.Module;',
    '  export default module;',
    '}',
    '',
  ].join('\n');
}

function envOf(fn: FunctionSpec): string[] {
  const names = Object.keys(fn.vars).toSorted();
  return [
    '',
    `  /** \`env\` of the function "${fn.name}". */`,
    `  interface ${pascalCase(fn.name)}Env {`,
    ...names.map((name) => `    readonly ${name}: string;`),
    '  }',
  ];
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
