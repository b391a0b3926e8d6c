import { call, construct, escape, planStatements } from './calls.ts';
import { evaluate } from './expressions.ts';
import type { UnknownReason } from './finding.ts';
import {
  Cell,
  type Arguments,
  type Frame,
  type HeapObject,
  type Native,
  type Site,
  type Value,
} from './heap.ts';
import { escapeToFramework } from './framework.ts';
import { elements } from './iteration.ts';
import type { Element, Machine, UseFact } from './machine.ts';
import { builtin } from './natives/builtin.ts';
import { codeConstructorOf, fillGlobals } from './natives/globals.ts';
import { runtimeModule } from './natives/modules.ts';
import { declaredBy, importedModules, valueOfPackage, waysOut, type PackagePart } from './packages.ts';
import { assign } from './patterns.ts';
import { getMember, getProperty, setMember } from './properties.ts';
import type { Declaration, Scopes } from './scopes.ts';
import { execute } from './statements.ts';
import { Store, type StoreLimits } from './store.ts';
import type { Expression, Oxc, SyntaxNode } from './syntax.ts';
import type { Grants } from '../manifest/index.ts';

/** A finding with the offset in the bundle that it is about. */
export type Fact =
  | { readonly offset: number; readonly use: UseFact }
  | { readonly offset: number; readonly reason: UnknownReason; readonly detail: string };

/** Handlers that Cordon calls, with `(event, env, ctx)`. */
const HANDLERS = ['fetch', 'scheduled', 'queue', 'event'] as const;

export interface InterpreterOptions {
  /** Code of packages that is not looked into. */
  readonly opaque: readonly PackagePart[];
  readonly program: Oxc.Program;
  readonly scopes: Scopes;
  readonly grants: Grants;
  readonly vars: Readonly<Record<string, string>>;
  readonly limits: StoreLimits;
}

/** Evaluates a bundle abstractly, from its entry and its handlers on. */
export class Interpreter implements Machine {
  readonly store: Store;
  readonly grants: Grants;
  readonly vars: Readonly<Record<string, string>>;
  readonly environment: HeapObject;
  readonly processEnvironment: HeapObject;
  readonly globals: HeapObject;
  readonly framework: HeapObject;
  readonly frameworkValue: Value;
  readonly root: Frame;
  readonly exports = new Cell();
  readonly thrown = new Cell();
  nesting = 0;
  readonly codeConstructor: Value;
  readonly #program: Oxc.Program;
  readonly #scopes: Scopes;
  readonly #opaque: readonly PackagePart[];
  readonly #facts = new Map<string, Fact>();
  readonly #pending = new Map<string, Fact>();
  readonly #natives = new Map<string, HeapObject>();
  readonly #calls = new Map<Oxc.CallExpression, { seen: boolean }>();

  constructor(options: InterpreterOptions) {
    this.store = new Store(options.limits);
    this.#program = options.program;
    this.#scopes = options.scopes;
    this.#opaque = options.opaque;
    this.grants = options.grants;
    this.vars = options.vars;
    this.environment = this.store.newObject('environment', 'env');
    this.processEnvironment = this.store.newObject('process-environment', 'process.env');
    this.globals = this.store.newObject('plain', 'globalThis');
    this.framework = this.store.newObject('external', 'framework');
    this.frameworkValue = new Set([this.framework]);
    this.store.write(this.framework.inner, new Set([this.environment]));
    this.store.write(this.store.property(this.framework, 'env'), new Set([this.environment]));
    this.root = this.store.frame(options.program, null, '', null).frame;
    this.codeConstructor = codeConstructorOf(this);
    fillGlobals(this);
  }

  /** Runs to the end. Throws AnalysisCut past the limits; what was found until then stays. */
  run(): void {
    planStatements(this, this.#ownCode(), this.root);
    this.store.task(this.root, 'handlers', () => {
      this.#callHandlers();
    });
    this.store.settle();
    for (const [node, { seen }] of this.#calls) {
      if (!seen && !node.optional) this.#record({ offset: node.start, reason: 'callee-unknown', detail: '' });
    }
  }

  /** Statements at the top that are evaluated; of the others only what they declare is known to exist. */
  #ownCode(): readonly SyntaxNode[] {
    const modules = importedModules(this, this.#program);
    const skipped = new Set<SyntaxNode>();
    const told = new Set<string>();
    for (const part of this.#opaque) {
      skipped.add(part.statement);
      for (const id of declaredBy(part.statement))
        assign(this, id, valueOfPackage(this, part.name), this.root);
      const way = told.has(part.name) ? null : waysOut(this, part, modules);
      if (way === null) continue;
      told.add(part.name);
      this.#record({ offset: way.node.start, reason: 'package-unseen', detail: part.name });
    }
    return this.#program.body.filter((statement) => !skipped.has(statement));
  }

  get facts(): readonly Fact[] {
    this.#settlePending();
    return [...this.#facts.values()];
  }

  #callHandlers(): void {
    const { store } = this;
    const site: Site = { node: this.#program, frame: this.root, path: 'handler' };
    const environment = new Set([this.environment]);
    const module = this.getMember(new Set([this.globals]), store.constant('module'), site);
    const exports = this.getMember(module, store.constant('exports'), site);
    const defaults = [
      store.read(this.exports),
      this.getMember(exports, store.constant('default'), site),
      exports,
    ];
    for (const value of defaults) {
      for (const atom of value) {
        if (atom.kind !== 'object' || atom.shape === 'external') continue;
        const own = new Set([atom]);
        const made =
          atom.classBody === null
            ? own
            : this.construct(own, { list: [store.externalValue, environment], rest: new Set() }, site);
        for (const name of HANDLERS) {
          const handler = this.getMember(made, store.constant(name), site);
          const args = {
            list: [store.externalValue, environment, store.externalValue],
            rest: new Set<never>(),
          };
          this.escape(this.call(handler, made, args, { ...site, path: name }), site);
        }
      }
    }
  }

  useUnlessSeen(use: UseFact, site: Site): void {
    const { capability, binding, operation } = use;
    this.#pending.set(JSON.stringify([site.node.start, capability, binding, operation]), {
      offset: site.node.start,
      use,
    });
  }

  unknownUnlessSeen(reason: UnknownReason, site: Site): void {
    this.#pending.set(JSON.stringify([site.node.start, reason]), {
      offset: site.node.start,
      reason,
      detail: '',
    });
  }

  /** What stays of the uses whose arguments were not seen. */
  #settlePending(): void {
    const places = new Set([...this.#facts.values()].map((fact) => fact.offset));
    const keys = new Set(
      [...this.#facts.values()].map((fact) =>
        'use' in fact
          ? JSON.stringify([fact.offset, fact.use.capability, fact.use.binding, fact.use.operation])
          : '',
      ),
    );
    for (const [key, fact] of this.#pending) {
      const isSeen = 'use' in fact ? keys.has(key) : places.has(fact.offset);
      if (!isSeen) this.#record(fact);
    }
    this.#pending.clear();
  }

  #record(fact: Fact): void {
    const key = JSON.stringify(fact);
    if (!this.#facts.has(key)) this.#facts.set(key, fact);
  }

  use(use: UseFact, site: Site): void {
    this.#record({ offset: site.node.start, use });
  }

  unknown(reason: UnknownReason, detail: string, site: Site): void {
    this.#record({ offset: site.node.start, reason, detail });
  }

  called(node: Oxc.CallExpression, callee: Value, _frame: Frame): void {
    const seen = [...callee].some((atom) => atom.kind === 'object');
    const known = this.#calls.get(node);
    if (known === undefined) this.#calls.set(node, { seen });
    else if (seen) known.seen = true;
  }

  declarationOf(identifier: SyntaxNode): Declaration | undefined {
    return this.#scopes.declarationOf(identifier);
  }

  evaluate(node: Expression, frame: Frame): Value {
    return evaluate(this, node, frame);
  }

  execute(node: SyntaxNode, frame: Frame): void {
    execute(this, node, frame);
  }

  getMember(receiver: Value, key: Value, site: Site): Value {
    return getMember(this, receiver, key, site);
  }

  getProperty(object: HeapObject, key: string | null, self: Value, site: Site): Value {
    return getProperty(this, object, key, self, site);
  }

  setMember(receiver: Value, key: Value, value: Value, site: Site): void {
    setMember(this, receiver, key, value, site);
  }

  call(callee: Value, self: Value, args: Arguments, site: Site): Value {
    return call(this, callee, self, args, site);
  }

  construct(callee: Value, args: Arguments, site: Site): Value {
    return construct(this, callee, args, site);
  }

  escape(value: Value, site: Site): void {
    escape(this, value, site);
  }

  escapeToFramework(value: Value, site: Site): void {
    escapeToFramework(this, value, site);
  }

  elements(value: Value, site: Site): readonly Element[] {
    return elements(this, value, site);
  }

  native(name: string, native: Native | Native['call']): HeapObject {
    let object = this.#natives.get(name);
    if (object === undefined) {
      object = this.store.newObject('function', name);
      object.native = typeof native === 'function' ? { call: native } : native;
      this.#natives.set(name, object);
    }
    return object;
  }

  builtin(object: HeapObject | null, key: string): Value | null {
    return builtin(this, object, key);
  }

  module(name: string): Value {
    return runtimeModule(this, name);
  }
}
