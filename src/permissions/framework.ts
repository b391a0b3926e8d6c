import { kindOfBinding } from './environment.ts';
import type { Arguments, HeapObject, Site, Value } from './heap.ts';
import type { Machine } from './machine.ts';
import { union } from './store.ts';

/** What a call of a framework gives: functions in the arguments are handlers, other objects may come out again. */
export function callFramework(machine: Machine, args: Arguments, site: Site): Value {
  const { store, framework } = machine;
  for (const value of [...args.list, args.rest]) machine.escapeToFramework(value, site);
  const isGetter = site.node.type === 'CallExpression' && givesValues(site.node.callee);
  return isGetter ? union(machine.frameworkValue, store.read(framework.inner)) : machine.frameworkValue;
}

/** `context.get(name)` and `env(context)` hand out what was put in; `app.get(path, handler)` does not. */
function givesValues(callee: { readonly type: string }): boolean {
  if (callee.type === 'Identifier') return true;
  if (callee.type !== 'MemberExpression' || !('property' in callee)) return false;
  const { property } = callee;
  return typeof property === 'object' && property !== null && 'name' in property && property.name === 'get';
}

export function escapeToFramework(machine: Machine, value: Value, site: Site): void {
  const { store, framework } = machine;
  for (const atom of value) {
    if (atom.kind !== 'object' || atom === framework || atom.shape === 'external') continue;
    if (atom.closure !== null || atom.classBody !== null || atom.native !== null) {
      store.task(atom, 'framework', () => {
        callHandler(machine, atom, site);
      });
      continue;
    }
    // A name that nothing declares is a plain value, if it is anything.
    if (atom.shape === 'binding' && kindOfBinding(machine, atom.name) === 'binding') continue;
    store.write(framework.inner, new Set([atom]));
    store.write(store.property(framework, 'env'), new Set([atom]));
    if (atom.shape === 'plain' || atom.shape === 'array')
      store.task(atom, 'framework', () => {
        store.read(atom.keys);
        for (const cell of atom.properties.values()) machine.escapeToFramework(store.read(cell), site);
        machine.escapeToFramework(store.read(atom.rest), site);
      });
  }
}

function callHandler(machine: Machine, handler: HeapObject, site: Site): void {
  const { store, frameworkValue, environment } = machine;
  const given = union(frameworkValue, new Set([environment]));
  const args: Arguments = { list: [given, given, given], rest: given };
  machine.escapeToFramework(machine.call(new Set([handler]), store.externalValue, args, site), site);
}
