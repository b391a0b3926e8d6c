import { classObject, functionObject } from './classes.ts';
import type { Frame, Site, Value } from './heap.ts';
import { keysOf } from './iteration.ts';
import { NO_ARGUMENTS, rounds, type Machine } from './machine.ts';
import { assign } from './patterns.ts';
import { settled } from './promises.ts';
import { truth, union } from './store.ts';
import { isFunction, type LoopNode, type Oxc, type SyntaxNode } from './syntax.ts';

/** Evaluates a statement for what it assigns, calls and gives back. The order of statements does not matter. */
export function execute(machine: Machine, node: SyntaxNode, frame: Frame): void {
  const { store } = machine;
  store.step();
  switch (node.type) {
    case 'ExpressionStatement':
      machine.evaluate(node.expression, frame);
      return;
    case 'VariableDeclaration':
      for (const { id, init } of node.declarations) {
        if (init === null) continue;
        const value = machine.evaluate(init, frame);
        assign(machine, id, value, frame);
        if (node.kind === 'using' || node.kind === 'await using')
          dispose(machine, value, { node: id, frame, path: '' });
      }
      return;
    case 'ReturnStatement':
      if (node.argument !== null)
        store.write(frame.functionFrame.result, machine.evaluate(node.argument, frame));
      else store.write(frame.functionFrame.result, store.constant(undefined));
      return;
    case 'BlockStatement':
      for (const statement of node.body) execute(machine, statement, frame);
      return;
    case 'IfStatement': {
      const { mayBeTrue, mayBeFalse } = truth(machine.evaluate(node.test, frame));
      if (mayBeTrue) execute(machine, node.consequent, frame);
      if (mayBeFalse && node.alternate !== null) execute(machine, node.alternate, frame);
      return;
    }
    case 'ThrowStatement':
      store.write(machine.thrown, machine.evaluate(node.argument, frame));
      return;
    case 'EmptyStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'DebuggerStatement':
      return;
    default:
      executeCompound(machine, node, frame);
  }
}

function executeCompound(machine: Machine, node: SyntaxNode, frame: Frame): void {
  switch (node.type) {
    case 'FunctionDeclaration':
      if (node.id !== null) assign(machine, node.id, new Set([functionObject(machine, node, frame)]), frame);
      return;
    case 'ClassDeclaration': {
      const value = new Set([classObject(machine, node, frame)]);
      if (node.id !== null) assign(machine, node.id, value, frame);
      return;
    }
    case 'ForOfStatement':
    case 'ForInStatement':
      executeRounds(machine, node, frame);
      return;
    case 'ForStatement':
      if (node.init?.type === 'VariableDeclaration') execute(machine, node.init, frame);
      else if (node.init !== null) machine.evaluate(node.init, frame);
      if (node.test !== null) machine.evaluate(node.test, frame);
      if (node.update !== null) machine.evaluate(node.update, frame);
      execute(machine, node.body, frame);
      return;
    case 'WhileStatement':
    case 'DoWhileStatement':
      machine.evaluate(node.test, frame);
      execute(machine, node.body, frame);
      return;
    case 'SwitchStatement':
      machine.evaluate(node.discriminant, frame);
      for (const { test, consequent } of node.cases) {
        if (test !== null) machine.evaluate(test, frame);
        for (const statement of consequent) execute(machine, statement, frame);
      }
      return;
    case 'TryStatement':
      executeTry(machine, node, frame);
      return;
    case 'LabeledStatement':
      execute(machine, node.body, frame);
      return;
    default:
      executeModule(machine, node, frame);
  }
}

function executeTry(machine: Machine, node: Oxc.TryStatement, frame: Frame): void {
  execute(machine, node.block, frame);
  if (node.handler !== null) {
    const { param, body } = node.handler;
    if (param !== null)
      assign(machine, param, union(machine.store.externalValue, machine.store.read(machine.thrown)), frame);
    execute(machine, body, frame);
  }
  if (node.finalizer !== null) execute(machine, node.finalizer, frame);
}

/** What `using` declares is disposed of at the end of its block. */
function dispose(machine: Machine, value: Value, site: Site): void {
  for (const symbol of ['@@dispose', '@@asyncDispose']) {
    const method = machine.getMember(value, machine.store.constant(symbol), site);
    machine.call(method, value, NO_ARGUMENTS, site);
  }
}

function executeRounds(machine: Machine, node: LoopNode, frame: Frame): void {
  const { store } = machine;
  const site: Site = { node: node.right, frame, path: '' };
  const value = machine.evaluate(node.right, frame);
  const items = rounds(
    node.type === 'ForInStatement' ? keysOf(machine, value, site) : machine.elements(value, site),
    frame.rounds,
  );
  for (const round of items) {
    const { frame: inner } = store.frame(
      node,
      frame,
      `${frame.functionFrame.context}|${frame.context}|${round.name}`,
      frame.functionFrame,
    );
    inner.rounds = Math.max(inner.rounds, frame.rounds * items.length);
    inner.generation = frame.generation;
    const item = node.type === 'ForOfStatement' && node.await ? settled(machine, round.value) : round.value;
    assign(machine, node.left, item, inner);
    execute(machine, node.body, inner);
  }
}

function executeModule(machine: Machine, node: SyntaxNode, frame: Frame): void {
  const { store } = machine;
  const { exports } = machine;
  switch (node.type) {
    case 'ImportDeclaration': {
      const module = machine.module(String(node.source.value));
      for (const specifier of node.specifiers) {
        const site: Site = { node: specifier, frame, path: '' };
        const value =
          specifier.type === 'ImportNamespaceSpecifier'
            ? module
            : machine.getMember(module, store.constant(importedName(specifier)), site);
        assign(machine, specifier.local, value, frame);
      }
      return;
    }
    case 'ExportDefaultDeclaration': {
      const { declaration } = node;
      if (declaration.type === 'FunctionDeclaration' && declaration.id === null)
        store.write(exports, new Set([functionObject(machine, declaration, frame)]));
      else if (isFunction(declaration) || declaration.type === 'ClassDeclaration')
        store.write(exports, exportedDeclaration(machine, declaration, frame));
      else if (!declaration.type.startsWith('TS'))
        store.write(exports, machine.evaluate(declaration as Oxc.Expression, frame));
      return;
    }
    case 'ExportNamedDeclaration':
      if (node.declaration !== null) execute(machine, node.declaration, frame);
      for (const { local, exported } of node.specifiers) {
        const name = exported.type === 'Literal' ? exported.value : exported.name;
        if (name === 'default' && local.type !== 'Literal')
          store.write(exports, machine.evaluate(local, frame));
      }
      return;
    case 'ExportAllDeclaration':
      return;
    default:
      machine.unknown('syntax-unsupported', node.type, { node, frame, path: '' });
  }
}

function importedName(specifier: Oxc.ImportSpecifier | Oxc.ImportDefaultSpecifier): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default';
  return specifier.imported.type === 'Literal' ? specifier.imported.value : specifier.imported.name;
}

function exportedDeclaration(
  machine: Machine,
  declaration: Oxc.Function | Oxc.Class | Oxc.ArrowFunctionExpression,
  frame: Frame,
): Value {
  if (declaration.type === 'ArrowFunctionExpression') return machine.evaluate(declaration, frame);
  if (declaration.type === 'ClassDeclaration') {
    const value = new Set([classObject(machine, declaration, frame)]);
    if (declaration.id !== null) assign(machine, declaration.id, value, frame);
    return value;
  }
  const value = new Set([functionObject(machine, declaration as Oxc.Function, frame)]);
  if (declaration.id !== null) assign(machine, declaration.id, value, frame);
  return value;
}
