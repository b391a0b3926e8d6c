import {
  childrenOf,
  isFunction,
  type FrameNode,
  type FunctionNode,
  type Oxc,
  type SyntaxNode,
} from './syntax.ts';

/** One variable. */
export interface Declaration {
  readonly name: string;
  /** Code whose frames hold it. */
  readonly owner: FrameNode;
}

/** Which variable every identifier means; identifiers of globals are absent. */
export interface Scopes {
  readonly declarationOf: (identifier: SyntaxNode) => Declaration | undefined;
}

interface Scope {
  readonly owner: FrameNode;
  readonly names: Map<string, Declaration>;
  readonly parent: Scope | null;
}

/** Resolves the identifiers of a program. Blocks have scopes, but share the frame of the code around them. */
export function resolveScopes(program: Oxc.Program): Scopes {
  const declarations = new Map<SyntaxNode, Declaration>();
  const resolver = new Resolver(declarations);
  resolver.program(program);
  return { declarationOf: (identifier) => declarations.get(identifier) };
}

class Resolver {
  readonly #declarations: Map<SyntaxNode, Declaration>;

  constructor(declarations: Map<SyntaxNode, Declaration>) {
    this.#declarations = declarations;
  }

  program(program: Oxc.Program): void {
    const scope: Scope = { owner: program, names: new Map(), parent: null };
    hoistVariables(program, scope);
    declareLexical(program.body, scope);
    this.#children(program, scope);
  }

  #visit(node: SyntaxNode, scope: Scope): void {
    if (node.type === 'Identifier') return this.#identifier(node, scope);
    if (isFunction(node)) return this.#function(node, scope);
    switch (node.type) {
      case 'ClassExpression':
        return this.#children(node, child(scope, scope.owner, node.id === null ? [] : [node.id.name]));
      case 'PropertyDefinition':
        this.#visit(node.key, scope);
        for (const decorator of node.decorators) this.#visit(decorator, scope);
        if (node.value !== null) this.#visit(node.value, child(scope, node, []));
        return;
      case 'StaticBlock': {
        const inner = child(scope, node, []);
        hoistVariables(node, inner);
        declareLexical(node.body, inner);
        return this.#children(node, inner);
      }
      case 'ForOfStatement':
      case 'ForInStatement': {
        const inner = child(scope, node, []);
        declareLexical([node.left], inner);
        this.#visit(node.right, scope);
        this.#visit(node.left, inner);
        return this.#visit(node.body, inner);
      }
      case 'ForStatement': {
        const inner = child(scope, scope.owner, []);
        if (node.init !== null) declareLexical([node.init], inner);
        return this.#children(node, inner);
      }
      case 'BlockStatement': {
        const inner = child(scope, scope.owner, []);
        declareLexical(node.body, inner);
        return this.#children(node, inner);
      }
      case 'SwitchStatement': {
        const inner = child(scope, scope.owner, []);
        for (const { consequent } of node.cases) declareLexical(consequent, inner);
        return this.#children(node, inner);
      }
      case 'CatchClause':
        return this.#children(
          node,
          child(scope, scope.owner, node.param === null ? [] : patternNames(node.param)),
        );
      default:
        return this.#children(node, scope);
    }
  }

  #children(node: SyntaxNode, scope: Scope): void {
    for (const inner of childrenOf(node)) this.#visit(inner, scope);
  }

  #identifier(node: SyntaxNode & { readonly name: string }, scope: Scope): void {
    for (let at: Scope | null = scope; at !== null; at = at.parent) {
      const declaration = at.names.get(node.name);
      if (declaration === undefined) continue;
      this.#declarations.set(node, declaration);
      return;
    }
  }

  #function(node: FunctionNode, scope: Scope): void {
    // The name of a declaration belongs to the scope around it, that of an expression to itself.
    if (node.id !== null && node.type === 'FunctionDeclaration') this.#visit(node.id, scope);
    const named = node.type === 'FunctionExpression' && node.id !== null ? [node.id.name] : [];
    const inner = child(scope, node, named);
    for (const parameter of node.params) {
      for (const name of patternNames(parameter)) declare(inner, name);
    }
    if (node.body !== null) {
      hoistVariables(node.body, inner);
      if (node.body.type === 'BlockStatement') declareLexical(node.body.body, inner);
    }
    if (named.length > 0 && node.id !== null) this.#visit(node.id, inner);
    for (const parameter of node.params) this.#visit(parameter, inner);
    // The body of a function has no scope besides that of its parameters.
    if (node.body?.type === 'BlockStatement') this.#children(node.body, inner);
    else if (node.body !== null) this.#visit(node.body, inner);
  }
}

function child(parent: Scope, owner: FrameNode, names: readonly string[]): Scope {
  const scope: Scope = { owner, names: new Map(), parent };
  for (const name of names) declare(scope, name);
  return scope;
}

function declare(scope: Scope, name: string): void {
  if (!scope.names.has(name)) scope.names.set(name, { name, owner: scope.owner });
}

/** Declares what `var` declares anywhere below, but not inside of other functions. */
function hoistVariables(root: SyntaxNode, scope: Scope): void {
  const open = childrenOf(root);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isFunction(node) || node.type === 'PropertyDefinition' || node.type === 'StaticBlock') continue;
    if (node.type === 'VariableDeclaration' && node.kind === 'var') {
      for (const { id } of node.declarations) for (const name of patternNames(id)) declare(scope, name);
    }
    open.push(...childrenOf(node));
  }
}

function declareLexical(nodes: readonly SyntaxNode[], scope: Scope): void {
  for (const statement of nodes) {
    const node =
      (statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration') &&
      statement.declaration !== null
        ? statement.declaration
        : statement;
    if (node.type === 'VariableDeclaration' && node.kind !== 'var') {
      for (const { id } of node.declarations) for (const name of patternNames(id)) declare(scope, name);
    }
    if ((node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') && node.id !== null)
      declare(scope, node.id.name);
    if (node.type === 'ImportDeclaration') {
      for (const { local } of node.specifiers) declare(scope, local.name);
    }
  }
}

function patternNames(pattern: SyntaxNode): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'AssignmentPattern':
      return patternNames(pattern.left);
    case 'RestElement':
      return patternNames(pattern.argument);
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : patternNames(element)));
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        property.type === 'RestElement' ? patternNames(property) : patternNames(property.value),
      );
    default:
      return [];
  }
}
