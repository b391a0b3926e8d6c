import type { Alias, DeployedFunction, Deployment } from '../../deploy/index.ts';
import type { Method, RouteAuth, RouteSpec } from '../../manifest/index.ts';
import type { Target } from './target.ts';

/** An app with the deployments it serves. */
export interface AppRoutes {
  readonly alias: Alias;
  readonly live: Deployment;
  readonly canary: Deployment | null;
}

/** The route of a request, with all that later stages need of it. */
export interface RouteMatch {
  readonly kind: 'match';
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
  readonly auth: RouteAuth;
  readonly route: RouteSpec;
  /** Path pattern of the manifest. */
  readonly pattern: string;
}

/** No route. `allow` lists what the path accepts; empty where there is no such path. */
export interface RouteMiss {
  readonly kind: 'miss';
  readonly allow: readonly string[];
}

/** A match that applies to a share of the requests: those whose draw lies in `from` ≤ draw < `to`. */
interface Entry {
  readonly from: number;
  readonly to: number;
  readonly method: Method;
  /** False where HEAD is served by a route for GET. */
  readonly explicit: boolean;
  readonly match: RouteMatch;
}

class Node {
  readonly literals = new Map<string, Node>();
  parameter: Node | null = null;
  /** Entries of a pattern that ends here. */
  entries: Entry[] = [];
  /** Entries of a pattern that ends in `*` after this node. */
  rest: Entry[] = [];
}

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const NOT_FOUND: RouteMiss = { kind: 'miss', allow: [] };
const PERCENT = 100;

/** An immutable snapshot of all routes. A new one replaces it as a whole, between two requests. */
export class RouteTable {
  readonly #hosts: ReadonlyMap<string, Node>;
  readonly #anyHost: Node;
  /** True where a draw decides anything. */
  readonly hasCanary: boolean;

  /** Use `compileRoutes`. */
  constructor(hosts: ReadonlyMap<string, Node>, anyHost: Node, hasCanary: boolean) {
    this.#hosts = hosts;
    this.#anyHost = anyHost;
    this.hasCanary = hasCanary;
  }

  /**
   * Finds the route of a target. A host that an app names belongs to the apps that name it; all other hosts
   * belong to the apps that name none. Of the patterns that fit, the most specific counts, segment by
   * segment: literal, then `:name`, then `*`. It also decides on the method: a less specific pattern never
   * serves what a more specific one refuses. A route for GET serves HEAD unless one names HEAD.
   * `draw` is one number from 0 up to 100 for the request; below an app's canary percentage its canary serves.
   */
  match(target: Target, draw: number): RouteMatch | RouteMiss {
    const root = this.#hosts.get(target.host) ?? this.#anyHost;
    const entries = find(root, target.segments, 0, draw);
    if (entries === null) return NOT_FOUND;
    let implicit: RouteMatch | null = null;
    for (const entry of entries) {
      if (entry.method !== target.method || draw < entry.from || draw >= entry.to) continue;
      if (entry.explicit) return entry.match;
      implicit ??= entry.match;
    }
    if (implicit !== null) return implicit;
    const allowed = entries
      .filter((entry) => draw >= entry.from && draw < entry.to)
      .map((entry) => entry.method);
    return { kind: 'miss', allow: METHODS.filter((method) => allowed.includes(method)) };
  }
}

/** Entries of the most specific pattern that fits and that this draw sees, or null. Visits a node at most once. */
function find(node: Node, segments: readonly string[], index: number, draw: number): readonly Entry[] | null {
  const segment = segments[index];
  if (segment === undefined) return isDrawn(node.entries, draw) ? node.entries : null;
  const literal = node.literals.get(segment);
  if (literal !== undefined) {
    const found = find(literal, segments, index + 1, draw);
    if (found !== null) return found;
  }
  if (node.parameter !== null && segment !== '') {
    const found = find(node.parameter, segments, index + 1, draw);
    if (found !== null) return found;
  }
  return isDrawn(node.rest, draw) ? node.rest : null;
}

function isDrawn(entries: readonly Entry[], draw: number): boolean {
  for (const entry of entries) if (draw >= entry.from && draw < entry.to) return true;
  return false;
}

/**
 * Compiles the routes of all apps. Where two apps claim the same host, path and method, which
 * `findConflicts` keeps from being deployed, the app that comes first in the list keeps it.
 */
export function compileRoutes(apps: readonly AppRoutes[]): RouteTable {
  const hosts = new Map<string, Node>();
  const anyHost = new Node();
  let hasCanary = false;
  for (const { alias, live, canary } of apps) {
    const percent = canary === null || alias.canary === null ? 0 : alias.canary.percent;
    if (percent > 0) hasCanary = true;
    if (percent < PERCENT) addDeployment(hosts, anyHost, live, percent, PERCENT);
    if (percent > 0 && canary !== null) addDeployment(hosts, anyHost, canary, 0, percent);
  }
  return new RouteTable(hosts, anyHost, hasCanary);
}

function addDeployment(
  hosts: Map<string, Node>,
  anyHost: Node,
  deployment: Deployment,
  from: number,
  to: number,
): void {
  const roots = deployment.manifest.hosts.map((host) => {
    const root = hosts.get(host) ?? new Node();
    hosts.set(host, root);
    return root;
  });
  for (const fn of deployment.functions) {
    for (const route of fn.spec.routes) {
      const match: RouteMatch = {
        kind: 'match',
        deployment,
        fn,
        auth: route.auth,
        route,
        pattern: route.path,
      };
      for (const root of roots.length === 0 ? [anyHost] : roots) addRoute(root, route, match, from, to);
    }
  }
}

function addRoute(root: Node, route: RouteSpec, match: RouteMatch, from: number, to: number): void {
  let node = root;
  let entries: Entry[] | null = null;
  for (const segment of patternSegments(route.path)) {
    if (segment === '*') {
      entries = node.rest;
      break;
    }
    node = segment.startsWith(':') ? (node.parameter ??= new Node()) : literalNode(node, segment);
  }
  entries ??= node.entries;
  const explicit = route.methods ?? METHODS;
  for (const method of explicit) entries.push({ from, to, method, explicit: true, match });
  if (explicit.includes('GET') && !explicit.includes('HEAD')) {
    entries.push({ from, to, method: 'HEAD', explicit: false, match });
  }
}

function literalNode(node: Node, segment: string): Node {
  const known = node.literals.get(segment);
  if (known !== undefined) return known;
  const made = new Node();
  node.literals.set(segment, made);
  return made;
}

/** Segments of a pattern, in the way in which `Target` splits a path. Nothing follows `*`. */
export function patternSegments(pattern: string): readonly string[] {
  const segments = pattern.slice(1).split('/');
  const star = segments.indexOf('*');
  return star === -1 ? segments : segments.slice(0, star + 1);
}

/** Parameters of the path, by name, as the caller wrote them in canonical form. The pattern has to be the one that matched. */
export function pathParameters(pattern: string, segments: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [index, part] of patternSegments(pattern).entries()) {
    if (part.startsWith(':')) parameters[part.slice(1)] = segments[index] ?? '';
  }
  return parameters;
}
