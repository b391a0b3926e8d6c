import { Fetcher, KVNamespace, Pipe, Queue, R2Bucket } from '../capability/guest.ts';
import type { GuestCaller } from '../capability/guest.ts';
import type { AssignHead } from '../channel/index.ts';

type Make = (caller: GuestCaller, binding: string) => unknown;

/** What stands in `env` for a binding of each capability. Those that are not here have no binding of their own. */
const MAKERS: Readonly<Record<string, Make>> = {
  kv: (caller, binding) => new KVNamespace(caller, binding),
  bucket: (caller, binding) => new R2Bucket(caller, binding),
  queue: (caller, binding) => new Queue(caller, binding),
  service: (caller, binding) => new Fetcher(caller, binding),
  pipe: (caller, binding) => new Pipe(caller, binding),
};

/** `env` as handlers get it: variables and bindings. */
export function makeEnvironment(
  { vars, bindings }: Pick<AssignHead, 'vars' | 'bindings'>,
  caller: GuestCaller,
): Readonly<Record<string, unknown>> {
  const env: Record<string, unknown> = { ...vars };
  for (const [capability, names] of Object.entries(bindings)) {
    const make = MAKERS[capability];
    if (make === undefined) continue;
    for (const name of names) env[name] = make(caller, name);
  }
  return Object.freeze(env);
}
