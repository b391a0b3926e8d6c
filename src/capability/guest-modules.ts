type Builtin = Record<string, unknown>;
type Loader = (name: string) => Builtin | undefined;

interface Runtime {
  process: { getBuiltinModule: Loader };
}

const patches = new Map<string, ((module: Builtin) => void)[]>();
const patched = new Set<string>();

/** A module of the runtime, in the part of its type that the caller names. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- there are no types of the runtime here
export function builtin<T>(name: string): T {
  const { process } = globalThis as unknown as Runtime;
  return process.getBuiltinModule(name) as T;
}

/**
 * Changes a module of the runtime when code first asks for it, since most code never does and loading costs
 * time. All ways of a bundle to a module go through `process.getBuiltinModule`.
 */
export function patchBuiltin(name: string, patch: (module: Builtin) => void): void {
  if (patches.size === 0) hookLoader();
  patches.set(name, [...(patches.get(name) ?? []), patch]);
  patched.delete(name);
}

function hookLoader(): void {
  const { process } = globalThis as unknown as Runtime;
  const load = process.getBuiltinModule.bind(process);
  process.getBuiltinModule = (given) => {
    const module = load(given);
    const name = String(given).replace(/^node:/, '');
    if (module !== undefined && patches.has(name) && !patched.has(name)) {
      // First, as a patch may load other modules that come back to this one.
      patched.add(name);
      const waiting = patches.get(name) ?? [];
      patches.set(name, []);
      for (const patch of waiting) patch(module);
    }
    return module;
  };
}
