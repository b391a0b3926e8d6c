import { patchBuiltin } from '../guest-modules.ts';
import type { GuestCaller } from '../guest-port.ts';
import { ClientRequest, prepareClientRequests } from './guest-client-request.ts';
import { readHttpArguments } from './guest-http-options.ts';

/**
 * Makes the clients of `node:http` and `node:https` ask the host, as `fetch` does and under the same grants.
 * Agents, proxies and options of TLS have no effect: the host connects. Upgrades are not offered.
 */
export function installNodeHttp(caller: GuestCaller): void {
  for (const name of ['http', 'https']) {
    patchBuiltin(name, (module) => {
      prepareClientRequests(caller);
      patchClient(module, `${name}:`);
    });
  }
}

function patchClient(module: Record<string, unknown>, protocol: string): void {
  const request = (...args: unknown[]): ClientRequest => {
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
