import { Socket } from 'node:net';
import { FRAME } from '../channel/index.ts';
import { currentStream } from './console.ts';
import type { Wire } from './wire.ts';

const TEXT_MAX = 512;
const encoder = new TextEncoder();

type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** Functions of the runtime that open sockets or ask for names. None of them can succeed in a sandbox. */
const RUNTIME_FUNCTIONS = [
  'connect',
  'connectTls',
  'listen',
  'listenTls',
  'listenDatagram',
  'resolveDns',
] as const;
const CONSTRUCTORS = ['WebSocket', 'WebSocketStream', 'EventSource'] as const;

/**
 * Tells the host when code asks for the network. It prevents nothing: the runtime and the sandbox do, whether
 * or not code evades this, so a report is a sign of an attempt and its absence is no sign of good conduct.
 */
export function reportDenials(wire: Wire): void {
  const report = (what: string): void => {
    const text = encoder.encode(what.slice(0, TEXT_MAX));
    wire.send(FRAME.denied, 0, currentStream.getStore() ?? 0, text);
  };
  const scope = globalThis as unknown as Record<string, unknown>;
  // `data:` and `blob:` are no network: a fetch counts when the runtime refuses it.
  scope['fetch'] = watched(scope['fetch'] as Callable, 'fetch', report, isRefusal);
  const runtime = Deno as unknown as Record<string, unknown>;
  for (const name of RUNTIME_FUNCTIONS) {
    if (typeof runtime[name] === 'function')
      runtime[name] = watched(runtime[name] as Callable, `Deno.${name}`, report, () => true);
  }
  const prototype = Socket.prototype as unknown as { connect: Callable };
  const { connect } = prototype;
  prototype.connect = function (...args) {
    report('net.Socket.connect');
    return connect.apply(this, args);
  };
  for (const name of CONSTRUCTORS) {
    const original = scope[name];
    if (typeof original !== 'function') continue;
    scope[name] = new Proxy(original, {
      construct(target, args: unknown[], newTarget) {
        report(`new ${name} ${asText(args[0])}`);
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
  }
}

/** The same function, which reports what it throws or rejects with when that is a denial. */
function watched(
  original: Callable,
  name: string,
  report: (what: string) => void,
  isDenial: (thrown: unknown) => boolean,
): Callable {
  const failed = (thrown: unknown, args: readonly unknown[]): never => {
    if (isDenial(thrown)) report(`${name} ${asText(args[0])}`);
    throw thrown;
  };
  const wrapper: Callable = function (...args) {
    try {
      const result = original.apply(this, args);
      return result instanceof Promise ? result.catch((thrown: unknown) => failed(thrown, args)) : result;
    } catch (thrown) {
      return failed(thrown, args);
    }
  };
  Object.defineProperty(wrapper, 'name', { value: original.name });
  return wrapper;
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'NotCapable';
}

/** The argument that says where to. It never throws, whatever getters the value has. */
function asText(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    if (value instanceof URL) return value.href;
    if (value instanceof Request) return value.url;
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}
