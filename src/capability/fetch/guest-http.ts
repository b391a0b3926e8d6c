import { builtin, patchBuiltin } from '../guest-modules.ts';
import type { GuestCaller } from '../guest-port.ts';
import { createClientRequestClass } from './guest-client-request.ts';
import type { ClientRequestClass } from './guest-client-request.ts';
import { readHttpArguments } from './guest-http-options.ts';

/**
 * Makes the clients of `node:http` and `node:https` ask the host, as `fetch` does and under the same grants.
 * Agents, proxies and options of TLS have no effect: the host connects. Upgrades are not offered.
 */
export function installNodeHttp(caller: GuestCaller): void {
  let made: ClientRequestClass | null = null;
  for (const name of ['http', 'https']) {
    patchBuiltin(name, (module) => {
      made ??= createClientRequestClass(caller, builtin('node:stream'), builtin('node:events'), builtin('node:http'));
      patchClient(module, `${name}:`, made);
    });
  }
}

function patchClient(module: Record<string, unknown>, protocol: string, ClientRequest: ClientRequestClass): void {
  const request = (...args: unknown[]): InstanceType<ClientRequestClass> => {
    const { options, listener } = readHttpArguments(args, protocol);
    return new ClientRequest(options, listener);
  };
  module['request'] = request;
  module['get'] = (...args: unknown[]) => {
    const made = request(...args);
    made.end();
    return made;
  };
  if (protocol !== 'http:') return;
  const Class = function (this: unknown, ...args: unknown[]): unknown {
    return request(...args);
  };
  Class.prototype = ClientRequest.prototype;
  module['ClientRequest'] = Class;
}
