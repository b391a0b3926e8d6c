import { constructInto } from './calls.ts';
import { classObject, functionObject, homeOf, thisValue } from './classes.ts';
import { NOTHING, type Arguments, type Frame, type Site, type Value } from './heap.ts';
import { arrayLiteral, objectLiteral } from './literals.ts';
import type { Machine } from './machine.ts';
import { awaited, toPrimitive } from './conversions.ts';
import { concatenate, fold, unary } from './operators.ts';
import { argumentsObject, assign, memberKey, variableCell } from './patterns.ts';
import { promiseOf } from './promises.ts';
import { isNullish, keyNames, truth, union } from './store.ts';
import type { Expression, Oxc, SyntaxNode } from './syntax.ts';

/** What an expression may give, after everything in it has been done. */
export function evaluate(machine: Machine, node: Expression | Oxc.SpreadElement, frame: Frame): Value {
  const { store } = machine;
  store.step();
  switch (node.type) {
    case 'Literal':
      return 'regex' in node ? store.externalValue : store.constant(node.value);
    case 'TemplateLiteral':
      return template(machine, node, frame);
    case 'Identifier':
      return identifier(machine, node, frame);
    case 'ThisExpression':
      return thisValue(machine, frame);
    case 'MemberExpression':
      return member(machine, node, frame);
    case 'CallExpression':
      return callExpression(machine, node, frame);
    case 'NewExpression': {
      const callee = machine.evaluate(node.callee, frame);
      return machine.construct(callee, argumentValues(machine, node.arguments, frame), siteOf(node, frame));
    }
    case 'ChainExpression':
      return machine.evaluate(node.expression, frame);
    case 'AssignmentExpression':
      return assignment(machine, node, frame);
    case 'ConditionalExpression': {
      const { mayBeTrue, mayBeFalse } = truth(machine.evaluate(node.test, frame));
      return union(
        mayBeTrue ? machine.evaluate(node.consequent, frame) : NOTHING,
        mayBeFalse ? machine.evaluate(node.alternate, frame) : NOTHING,
      );
    }
    case 'LogicalExpression':
      return logical(node.operator, machine.evaluate(node.left, frame), () =>
        machine.evaluate(node.right, frame),
      );
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return new Set([functionObject(machine, node, frame)]);
    case 'ObjectExpression':
      return objectLiteral(machine, node, frame);
    case 'ArrayExpression':
      return arrayLiteral(machine, node, frame);
    default:
      return evaluateRare(machine, node, frame);
  }
}

function evaluateRare(machine: Machine, node: SyntaxNode, frame: Frame): Value {
  const { store } = machine;
  switch (node.type) {
    case 'BinaryExpression': {
      if (node.left.type === 'PrivateIdentifier') return store.primitiveValue;
      const left = machine.evaluate(node.left, frame);
      const right = machine.evaluate(node.right, frame);
      if (node.operator !== '+') return fold(machine, node.operator, left, right);
      const site = siteOf(node, frame);
      return concatenate(machine, toPrimitive(machine, left, site), toPrimitive(machine, right, site), false);
    }
    case 'UnaryExpression':
      return unary(machine, node.operator, machine.evaluate(node.argument, frame));
    case 'UpdateExpression':
      assign(machine, node.argument, store.primitiveValue, frame);
      return store.primitiveValue;
    case 'SequenceExpression':
      return node.expressions.reduce<Value>((_, inner) => machine.evaluate(inner, frame), NOTHING);
    case 'AwaitExpression':
      return awaited(machine, machine.evaluate(node.argument, frame), siteOf(node, frame), frame);
    case 'YieldExpression':
      return yieldExpression(machine, node, frame);
    case 'ClassExpression': {
      const value = new Set([classObject(machine, node, frame)]);
      if (node.id !== null) assign(machine, node.id, value, frame);
      return value;
    }
    case 'TaggedTemplateExpression':
      return taggedTemplate(machine, node, frame);
    case 'ImportExpression': {
      const site = siteOf(node, frame);
      const name = machine.evaluate(node.source, frame);
      return new Set([promiseOf(machine, frame, node, importedModules(machine, name, site))]);
    }
    case 'MetaProperty':
      return store.externalValue;
    default:
      machine.unknown('syntax-unsupported', node.type, siteOf(node, frame));
      return store.externalValue;
  }
}

function siteOf(node: SyntaxNode, frame: Frame): Site {
  // A loop's rounds are told apart by the context of its frame.
  const round = frame === frame.functionFrame ? '' : `|${frame.id}`;
  return { node, frame, path: round };
}

function identifier(machine: Machine, node: SyntaxNode & { readonly name: string }, frame: Frame): Value {
  const cell = variableCell(machine, node, frame);
  if (cell !== null) return machine.store.read(cell);
  if (node.name === 'undefined') return machine.store.constant(undefined);
  if (node.name === 'arguments') return argumentsObject(machine, frame);
  return machine.getMember(
    new Set([machine.globals]),
    machine.store.constant(node.name),
    siteOf(node, frame),
  );
}

function template(machine: Machine, node: Oxc.TemplateLiteral, frame: Frame): Value {
  let text = machine.store.constant(node.quasis[0]?.value.cooked ?? '');
  for (const [index, expression] of node.expressions.entries()) {
    const quasi = node.quasis[index + 1]?.value.cooked ?? '';
    const value = toPrimitive(machine, machine.evaluate(expression, frame), siteOf(expression, frame));
    text = concatenate(machine, text, value, true);
    text = concatenate(machine, text, machine.store.constant(quasi), true);
  }
  return text;
}

function taggedTemplate(machine: Machine, node: Oxc.TaggedTemplateExpression, frame: Frame): Value {
  const { store } = machine;
  const site = siteOf(node, frame);
  const strings = store.allocate(frame, node.quasi, 'array');
  for (const [index, quasi] of node.quasi.quasis.entries())
    store.define(strings, String(index), store.constant(quasi.value.cooked ?? ''));
  store.define(strings, 'raw', new Set([strings]));
  const values = node.quasi.expressions.map((expression) => machine.evaluate(expression, frame));
  const { callee, self } = calleeOf(machine, node.tag, frame);
  return machine.call(callee, self, { list: [new Set([strings]), ...values], rest: NOTHING }, site);
}

function member(machine: Machine, node: Oxc.MemberExpression, frame: Frame): Value {
  const site = siteOf(node, frame);
  if (node.object.type === 'Super') return superMember(machine, memberKey(machine, node, frame), frame, site);
  const receiver = machine.evaluate(node.object, frame);
  return machine.getMember(receiver, memberKey(machine, node, frame), site);
}

function superMember(machine: Machine, key: Value, frame: Frame, site: Site): Value {
  const self = thisValue(machine, frame);
  const home = homeOf(frame);
  if (home === null) return machine.store.externalValue;
  const found: Value[] = [];
  for (const parent of machine.store.read(home.prototypes)) {
    if (parent.kind !== 'object') continue;
    for (const name of keyNames(key)) found.push(machine.getProperty(parent, name, self, site));
  }
  // A parent that is not seen has methods of its own.
  const value = union(...found);
  return value.size === 0 ? machine.store.externalValue : value;
}

interface Callee {
  readonly callee: Value;
  readonly self: Value;
}

function calleeOf(machine: Machine, node: Expression, frame: Frame): Callee {
  if (node.type !== 'MemberExpression') return { callee: machine.evaluate(node, frame), self: NOTHING };
  const site = siteOf(node, frame);
  if (node.object.type === 'Super') {
    const self = thisValue(machine, frame);
    return { callee: superMember(machine, memberKey(machine, node, frame), frame, site), self };
  }
  const self = machine.evaluate(node.object, frame);
  return { callee: machine.getMember(self, memberKey(machine, node, frame), site), self };
}

function callExpression(machine: Machine, node: Oxc.CallExpression, frame: Frame): Value {
  const site = siteOf(node, frame);
  const args = argumentValues(machine, node.arguments, frame);
  if (node.callee.type === 'Super') return superCall(machine, args, frame, site);
  const target = unwrapChain(node.callee);
  if (target.type !== 'MemberExpression' || target.object.type === 'Super') {
    const { callee, self } = calleeOf(machine, target, frame);
    machine.called(node, callee, frame);
    return machine.call(callee, self, args, site);
  }
  // Every receiver gets its own method only.
  const receivers = machine.evaluate(target.object, frame);
  const key = memberKey(machine, target, frame);
  const results: Value[] = [];
  const callees: Value[] = [];
  for (const receiver of receivers) {
    if (isNullish(receiver)) continue;
    const self = new Set([receiver]);
    const callee = machine.getMember(self, key, siteOf(target, frame));
    callees.push(callee);
    results.push(machine.call(callee, self, args, site));
  }
  machine.called(node, union(...callees), frame);
  return union(...results);
}

function unwrapChain(node: Expression): Expression {
  return node.type === 'ChainExpression' ? node.expression : node;
}

function superCall(machine: Machine, args: Arguments, frame: Frame, site: Site): Value {
  const home = homeOf(frame);
  if (home === null) return NOTHING;
  const results: Value[] = [];
  for (const own of machine.store.read(machine.store.property(home, 'constructor'))) {
    const parent = own.kind === 'object' ? own.classBody?.parent : null;
    if (parent === null || parent === undefined) continue;
    for (const constructor of machine.store.read(parent)) {
      for (const object of thisValue(machine, frame)) {
        if (constructor.kind === 'object' && object.kind === 'object')
          results.push(constructInto(machine, constructor, object, args, site));
      }
    }
  }
  return union(...results);
}

/** Arguments, with spreads of known arrays taken apart. */
function argumentValues(machine: Machine, nodes: readonly Oxc.Argument[], frame: Frame): Arguments {
  const list: Value[] = [];
  const rest: Value[] = [];
  for (const node of nodes) {
    if (node.type !== 'SpreadElement') {
      const value = machine.evaluate(node, frame);
      if (rest.length > 0) rest.push(value);
      else list.push(value);
      continue;
    }
    const value = machine.evaluate(node.argument, frame);
    const elements = machine.elements(value, siteOf(node, frame));
    const only = [...value][0];
    const isKnown = value.size === 1 && only?.kind === 'object' && only.shape === 'array';
    if (isKnown && rest.length === 0) {
      const open = elements.filter(({ name }) => name.startsWith('*'));
      for (const element of elements) if (!element.name.startsWith('*')) list.push(element.value);
      if (open.length > 0) rest.push(...open.map((element) => element.value));
    } else rest.push(...elements.map((element) => element.value));
  }
  return { list, rest: union(...rest) };
}

function assignment(machine: Machine, node: Oxc.AssignmentExpression, frame: Frame): Value {
  const { store } = machine;
  const { operator, left } = node;
  if (operator === '=') {
    const value = machine.evaluate(node.right, frame);
    assign(machine, left, value, frame);
    return value;
  }
  const before = machine.evaluate(left as Expression, frame);
  let value: Value;
  if (operator === '&&=' || operator === '||=' || operator === '??=')
    value = logical(operator.slice(0, 2) as '&&', before, () => machine.evaluate(node.right, frame));
  else {
    const right = machine.evaluate(node.right, frame);
    value = operator === '+=' ? concatenate(machine, before, right, false) : store.primitiveValue;
  }
  assign(machine, left, value, frame);
  return value;
}

function logical(operator: '&&' | '||' | '??', left: Value, right: () => Value): Value {
  const isEmpty = left.size === 0;
  if (operator === '??') {
    const kept = new Set([...left].filter((atom) => !isNullish(atom)));
    const mayBeNullish =
      isEmpty ||
      kept.size < left.size ||
      [...left].some((atom) => truth(new Set([atom])).mayBeFalse && atom.kind !== 'constant');
    return mayBeNullish ? union(kept, right()) : kept;
  }
  const { mayBeTrue, mayBeFalse } = truth(left);
  const stays = [...left].filter((atom) => {
    const own = truth(new Set([atom]));
    return operator === '&&' ? own.mayBeFalse : own.mayBeTrue;
  });
  const goesOn = operator === '&&' ? mayBeTrue : mayBeFalse;
  return goesOn ? union(new Set(stays), right()) : new Set(stays);
}

function yieldExpression(machine: Machine, node: Oxc.YieldExpression, frame: Frame): Value {
  const { store } = machine;
  const value = node.argument === null ? store.constant(undefined) : machine.evaluate(node.argument, frame);
  const target = frame.functionFrame.yielded;
  if (node.delegate) {
    for (const element of machine.elements(value, siteOf(node, frame))) store.write(target, element.value);
  } else store.write(target, value);
  const generator = store.allocate(frame.functionFrame, 'generator', 'iterator');
  return union(store.externalValue, store.read(store.property(generator, '@@sent')));
}

function importedModules(machine: Machine, names: Value, site: Site): Value {
  const found: Value[] = [];
  for (const name of keyNames(names)) {
    if (name === null) machine.unknown('import-computed', '', site);
    found.push(name === null ? machine.store.externalValue : machine.module(name));
  }
  return union(...found);
}
