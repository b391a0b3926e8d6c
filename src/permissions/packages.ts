import type { Value } from './heap.ts';
import type { Machine } from './machine.ts';
import type { Places } from './places.ts';
import { childrenOf, type Oxc, type SyntaxNode } from './syntax.ts';

/** Frameworks that hand `env` on to the functions that they are given, as `context.env` or as an argument. */
const FRAMEWORKS = /^(?:hono|@hono\/.+|itty-router)$/;

/** Names of the runtime by which code reaches the network, makes code, or reaches all of those. */
const WAYS_OUT: ReadonlySet<string> = new Set([
  'fetch',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
  'Deno',
  'eval',
  'Function',
  'require',
]);
const GLOBAL_OBJECTS: ReadonlySet<string> = new Set(['globalThis', 'self', 'window', 'global']);
const NETWORK_MODULES =
  /^(?:node:)?(?:https?|http2|net|tls|dgram|child_process|vm|worker_threads)$|^cloudflare:/;

/** Code at the top of the bundle that comes from a package. */
export interface PackagePart {
  readonly name: string;
  readonly statement: SyntaxNode;
}

/** Which statements at the top of a bundle come from which package, as the source map tells. */
export function packageParts(program: Oxc.Program, places: Places): PackagePart[] {
  const parts: PackagePart[] = [];
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration' || statement.type.startsWith('Export')) continue;
    const file = places.lastFileWithin(statement.start, statement.end);
    const name = file === null ? null : packageOf(file);
    if (name !== null) parts.push({ name, statement });
  }
  return parts;
}

/** The package that a file belongs to; null for the app's own. */
export function packageOf(file: string): string | null {
  const inside = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file);
  return inside?.[1] ?? null;
}

export function isFramework(name: string): boolean {
  return FRAMEWORKS.test(name);
}

/** What the variables that a package declares hold when the package is not looked into. */
export function valueOfPackage(machine: Machine, name: string): Value {
  return isFramework(name) ? machine.frameworkValue : machine.store.externalValue;
}

/** Variables that a statement at the top declares. */
export function declaredBy(statement: SyntaxNode): SyntaxNode[] {
  if (statement.type === 'VariableDeclaration') return statement.declarations.map(({ id }) => id);
  if (statement.type !== 'FunctionDeclaration' && statement.type !== 'ClassDeclaration') return [];
  return statement.id === null ? [] : [statement.id];
}

/**
 * Mentions of a way out, in code that is not evaluated: such code may use the network, and says no more.
 */
export function waysOut(
  machine: Machine,
  part: PackagePart,
  modules: ReadonlyMap<object, string>,
): { readonly node: SyntaxNode; readonly name: string } | null {
  const open: SyntaxNode[] = [part.statement];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const name = wayOut(machine, node, modules);
    if (name !== null) return { node, name };
    open.push(...evaluatedChildren(machine, node));
  }
  return null;
}

function wayOut(machine: Machine, node: SyntaxNode, modules: ReadonlyMap<object, string>): string | null {
  if (node.type === 'Identifier') {
    const declaration = machine.declarationOf(node);
    if (declaration === undefined) return WAYS_OUT.has(node.name) ? node.name : null;
    const module = modules.get(declaration) ?? '';
    return NETWORK_MODULES.test(module) ? module : null;
  }
  if (node.type === 'ImportExpression') return 'import()';
  if (node.type !== 'MemberExpression') return null;
  if (node.object.type === 'MemberExpression') return secretRead(machine, node);
  if (node.object.type !== 'Identifier') return null;
  if (isDeno(machine, node)) return null;
  if (!GLOBAL_OBJECTS.has(node.object.name) || machine.declarationOf(node.object) !== undefined) return null;
  if (node.computed) return node.object.name;
  return WAYS_OUT.has(node.property.name) ? node.property.name : null;
}

/** `process.env.NAME`, where NAME is a secret that is granted, or any of them. */
function secretRead(machine: Machine, node: Oxc.MemberExpression): string | null {
  const { secret } = machine.grants;
  const { object } = node;
  const isEnvironment =
    object.type === 'MemberExpression' &&
    !object.computed &&
    object.property.name === 'env' &&
    object.object.type === 'Identifier' &&
    object.object.name === 'process';
  if (!isEnvironment || Object.keys(secret).length === 0) return null;
  if (node.computed) return 'process.env';
  return Object.hasOwn(secret, node.property.name) ? `process.env.${node.property.name}` : null;
}

/** `Deno.env`, `Deno.version` and the like: parts of `Deno` that lead nowhere. */
function isDeno(machine: Machine, node: Oxc.MemberExpression): boolean {
  return (
    node.object.type === 'Identifier' &&
    node.object.name === 'Deno' &&
    machine.declarationOf(node.object) === undefined &&
    !node.computed &&
    /^(?:env|version|build|noColor|inspect|errors)$/.test(node.property.name)
  );
}

/** Children without names that are not read, such as keys. */
function evaluatedChildren(machine: Machine, node: SyntaxNode): SyntaxNode[] {
  switch (node.type) {
    case 'MemberExpression':
      if (isDeno(machine, node)) return [];
      return node.computed ? [node.object, node.property] : [node.object];
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return childrenOf(node).filter((child) => node.computed || child !== node.key);
    case 'UnaryExpression':
      // `typeof fetch` asks whether there is one.
      return node.operator === 'typeof' ? [] : [node.argument];
    default:
      return childrenOf(node);
  }
}

/** Modules that the variables of imports come from. */
export function importedModules(machine: Machine, program: Oxc.Program): Map<object, string> {
  const modules = new Map<object, string>();
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue;
    for (const { local } of statement.specifiers) {
      const declaration = machine.declarationOf(local);
      if (declaration !== undefined) modules.set(declaration, statement.source.value);
    }
  }
  return modules;
}
