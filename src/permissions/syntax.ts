import type * as Oxc from 'oxc-parser';

export type SyntaxNode = Oxc.Node;
export type Expression = Oxc.Expression;
export type Statement = Oxc.Statement | Oxc.Directive;
export type FunctionNode = Oxc.Function | Oxc.ArrowFunctionExpression;
export type ClassNode = Oxc.Class;
export type LoopNode = Oxc.ForOfStatement | Oxc.ForInStatement;
/** Code with variables of its own. */
export type FrameNode = Oxc.Program | FunctionNode | Oxc.PropertyDefinition | Oxc.StaticBlock | LoopNode;
export type { Oxc };

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The nodes directly below, in the order of the text. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) if (isNode(item)) children.push(item);
    } else if (isNode(value)) children.push(value);
  }
  return children;
}

export function isFunction(node: SyntaxNode): node is FunctionNode {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** Levels of the tree, found without recursion. */
export function depthOf(root: SyntaxNode): number {
  let depth = 0;
  let level = [root];
  while (level.length > 0) {
    level = level.flatMap(childrenOf);
    depth++;
  }
  return depth;
}

/** Names of the functions of esbuild that wrap modules. A name that lies only costs time. */
const BUNDLER_FUNCTION = /^__(?:export|reExport|copyProps|toESM|toCommonJS|commonJS|esm)\d*$/;

/** Functions at the top that the bundler wrote. */
export function bundlerCodeOf(program: Oxc.Program): Oxc.Expression[] {
  return program.body.flatMap((statement) =>
    statement.type === 'VariableDeclaration'
      ? statement.declarations.flatMap(({ id, init }) =>
          id.type === 'Identifier' && init !== null && BUNDLER_FUNCTION.test(id.name) ? [init] : [],
        )
      : [],
  );
}
