import type { Known } from '../finding.ts';
import { NOTHING, type Atom, type HeapObject, type NativeCall, type Site, type Value } from '../heap.ts';
import { knownUrl, resolveKnown } from '../known-url.ts';
import { argument, type Implementation, type Machine } from '../machine.ts';
import { knownTexts, union } from '../store.ts';

function placeOf(call: NativeCall, name: string): string {
  return `network:${name}:${call.site.node.start}:${call.site.node.end}:${call.site.path}`;
}

function part(machine: Machine, value: Value, name: string, site: Site): Value {
  const found = new Set(machine.getMember(value, machine.store.constant(name), site));
  found.delete(machine.store.constantAtom(undefined));
  found.delete(machine.store.constantAtom(null));
  return found;
}

/** Text that a URL, a request or text itself gives as an address. */
function addressOf(machine: Machine, value: Value): Value {
  return union(
    ...[...value].map((atom) =>
      atom.kind === 'object' && (atom.shape === 'url' || atom.shape === 'request')
        ? machine.store.read(atom.inner)
        : new Set([atom]),
    ),
  );
}

function methodsOf(value: Value, fallback: string): string[] {
  if (value.size === 0) return [fallback];
  const methods = knownTexts(value).map(({ text, whole }) => (whole ? text.toUpperCase() : '*'));
  return [...new Set(methods)];
}

function useFetch(
  machine: Machine,
  addresses: readonly Known[],
  methods: readonly string[],
  site: Site,
): void {
  if (addresses.length === 0) machine.unknownUnlessSeen('url-unknown', site);
  for (const address of addresses) {
    const url = knownUrl(address);
    if (url === 'local') continue;
    if (url === null) {
      machine.unknown('url-unknown', address.text.slice(0, 100), site);
      continue;
    }
    for (const operation of methods)
      machine.use({ capability: 'fetch', binding: null, operation, resource: url }, site);
  }
}

/** `fetch(input, init)`. */
export const fetchGlobal: Implementation = (machine, call) => {
  const input = argument(call.args, 0);
  const init = argument(call.args, 1);
  const given = part(machine, init, 'method', call.site);
  for (const atom of input) {
    const inherited =
      atom.kind === 'object' && atom.shape === 'request'
        ? machine.store.read(machine.store.property(atom, 'method'))
        : NOTHING;
    const isUnseen = atom.kind === 'object' && atom.shape === 'external';
    const methods = methodsOf(given.size > 0 ? given : inherited, isUnseen ? '*' : 'GET');
    useFetch(machine, knownTexts(addressOf(machine, new Set([atom]))), methods, call.site);
  }
  if (input.size === 0) machine.unknownUnlessSeen('url-unknown', call.site);
  machine.escape(init, call.site);
  return machine.store.externalValue;
};

/** `new Request(input, init)`. */
export const constructRequest: Implementation = (machine, call) => {
  const { store } = machine;
  const request = store.allocate(call.site.frame, placeOf(call, 'request'), 'request');
  const input = argument(call.args, 0);
  const init = argument(call.args, 1);
  store.write(request.inner, texts(machine, addressOf(machine, input)));
  const given = part(machine, init, 'method', call.site);
  const inherited = union(
    ...[...input].map((atom) =>
      atom.kind === 'object' && atom.shape === 'request'
        ? store.read(store.property(atom, 'method'))
        : atom.kind === 'object' && atom.shape === 'external'
          ? store.primitiveValue
          : store.constant('GET'),
    ),
  );
  store.write(store.property(request, 'method'), given.size > 0 ? given : inherited);
  machine.escape(init, call.site);
  return new Set([request]);
};

/** `new URL(path, base)`. */
export const constructUrl: Implementation = (machine, call) => {
  const { store } = machine;
  const url = store.allocate(call.site.frame, placeOf(call, 'url'), 'url');
  const paths = knownTexts(addressOf(machine, argument(call.args, 0)));
  const bases = knownTexts(addressOf(machine, argument(call.args, 1)));
  for (const path of paths) {
    for (const base of bases.length === 0 ? [null] : bases) {
      const { text, whole } = resolveKnown(path, base);
      store.write(url.inner, new Set([whole ? store.constantAtom(text) : store.prefixAtom(text)]));
    }
  }
  return new Set([url]);
};

function texts(machine: Machine, value: Value): Value {
  const { store } = machine;
  return new Set(
    knownTexts(value).map(({ text, whole }): Atom =>
      whole ? store.constantAtom(text) : store.prefixAtom(text),
    ),
  );
}

/** `new WebSocket(url)` and the like: a request that only the URL describes. */
export const openByUrl: Implementation = (machine, call) => {
  useFetch(machine, knownTexts(addressOf(machine, argument(call.args, 0))), ['GET'], call.site);
  return machine.store.externalValue;
};

/** `http.request(url | options, options?, callback?)`. `fixed` is the method of `http.get`. */
export function httpRequest(scheme: 'http' | 'https', fixed: string | null): Implementation {
  return (machine, call) => {
    for (const value of call.args.list) machine.escape(functionsOf(value), call.site);
    const first = argument(call.args, 0);
    const options = new Set([...first].filter((atom) => isOptions(atom)));
    const addresses = new Set([...first].filter((atom) => !isOptions(atom)));
    const second = argument(call.args, 1);
    const method = union(
      part(machine, options, 'method', call.site),
      part(machine, second, 'method', call.site),
    );
    const methods = methodsOf(fixed === null ? method : NOTHING, fixed ?? 'GET');
    const known = knownTexts(addressOf(machine, addresses));
    if (addresses.size > 0) useFetch(machine, known, methods, call.site);
    for (const atom of options)
      useFetch(machine, urlsOf(machine, new Set([atom]), scheme, call.site), methods, call.site);
    return machine.store.externalValue;
  };
}

function functionsOf(value: Value): Value {
  return new Set([...value].filter((atom) => atom.kind === 'object' && atom.closure !== null));
}

function isOptions(atom: Atom): boolean {
  return atom.kind === 'object' && atom.shape === 'plain';
}

/** URLs that options of a request give by parts. */
function urlsOf(machine: Machine, options: Value, scheme: string, site: Site): Known[] {
  const named = part(machine, options, 'hostname', site);
  const hosts = knownTexts(named.size > 0 ? named : part(machine, options, 'host', site));
  const ports = knownTexts(part(machine, options, 'port', site));
  const paths = knownTexts(part(machine, options, 'path', site));
  const found: Known[] = [];
  for (const host of hosts) {
    for (const port of ports.length === 0 ? [{ text: '', whole: true }] : ports) {
      for (const path of paths.length === 0 ? [{ text: '/', whole: true }] : paths) {
        const isKnown = host.whole && port.whole;
        const text = `${scheme}://${host.text}${port.text === '' ? '' : `:${port.text}`}`;
        found.push(
          isKnown
            ? { text: `${text}${path.text === '' ? '/' : path.text}`, whole: path.whole }
            : { text: '', whole: false },
        );
      }
    }
  }
  return found;
}

/** Names of host and port in options, or as arguments `(port, host)`. */
export const connectSocket: Implementation = (machine, call) => {
  for (const value of call.args.list) machine.escape(functionsOf(value), call.site);
  const first = argument(call.args, 0);
  for (const atom of first) {
    const own = new Set([atom]);
    if (isOptions(atom)) {
      const named = part(machine, own, 'hostname', call.site);
      const host = named.size > 0 ? named : part(machine, own, 'host', call.site);
      useConnect(machine, host, part(machine, own, 'port', call.site), call.site);
      continue;
    }
    const text = knownTexts(own)[0];
    if (text !== undefined && text.whole && /:\d+$/.test(text.text)) {
      machine.use({ capability: 'connect', binding: null, operation: 'connect', resource: text }, call.site);
      continue;
    }
    const second = new Set(
      [...argument(call.args, 1)].filter((host) => host.kind !== 'object' || host.shape === 'external'),
    );
    useConnect(machine, second, own, call.site);
  }
  if (first.size === 0) machine.unknownUnlessSeen('host-unknown', call.site);
  return machine.store.externalValue;
};

function useConnect(machine: Machine, host: Value, port: Value, site: Site): void {
  const hosts = host.size === 0 ? [{ text: 'localhost', whole: true }] : knownTexts(host);
  const ports = knownTexts(port);
  if (ports.length === 0) machine.unknownUnlessSeen('host-unknown', site);
  for (const name of hosts) {
    for (const number of ports) {
      if (!name.whole || !number.whole) machine.unknown('host-unknown', name.text, site);
      else
        machine.use(
          {
            capability: 'connect',
            binding: null,
            operation: 'connect',
            resource: { text: `${name.text}:${number.text}`, whole: true },
          },
          site,
        );
    }
  }
}

/** An object whose `connect` opens a connection, such as `new net.Socket()`. */
export const constructSocket: Implementation = (machine, call) =>
  new Set([machine.store.allocate(call.site.frame, placeOf(call, 'socket'), 'socket')]);

/** `http2.connect(authority)` and other ways out that have no grant of their own. */
export const openUnseen: Implementation = (machine, call) => {
  machine.unknown('host-unknown', knownTexts(argument(call.args, 0))[0]?.text ?? '', call.site);
  for (const value of call.args.list) machine.escape(functionsOf(value), call.site);
  return machine.store.externalValue;
};

export function markNetwork(object: HeapObject): HeapObject {
  object.shape = 'network';
  return object;
}
