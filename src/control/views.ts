import type { Alias, Deployment, DeployedFunction } from '../deploy/index.ts';
import { laneOf } from '../events/index.ts';
import type { SourceSpec } from '../manifest/index.ts';
import type { ServedApp } from './port.ts';
import type { AppView, DeploymentView, FunctionView } from './schema.ts';

/** Shows a deployment's function, with the URLs of its routes below the gateway. */
function functionView(
  app: string,
  fn: DeployedFunction,
  hosts: readonly string[],
  gatewayUrl: string,
): FunctionView {
  const base = routeBase(hosts, gatewayUrl);
  const { spec } = fn;
  return {
    name: spec.name,
    entry: spec.entry,
    format: fn.format,
    bundleBytes: fn.bundleBytes,
    handlers: [...fn.handlers],
    routes: spec.routes.map((route) => ({
      path: route.path,
      methods: route.methods === null ? null : [...route.methods],
      auth: typeof route.auth === 'string' ? route.auth : `${route.auth.kind}:${route.auth.name}`,
      deliver: route.deliver,
      url: `${base}${route.path}`,
    })),
    sources: spec.sources.map((source) => ({
      kind: source.kind,
      about: aboutOf(source),
      lane: laneOf(app, spec.name, source),
    })),
    limits: { ...spec.limits },
  };
}

function aboutOf(source: SourceSpec): string {
  switch (source.kind) {
    case 'upload':
      return `${source.bucket}/${source.prefix}`;
    case 'queue':
      return source.queue;
    case 'cron':
      return `${source.expression} (${source.timezone})`;
    case 'pipe':
      return source.from;
  }
}

/** The gateway's URL with the app's first host name in the place of the address. */
function routeBase(hosts: readonly string[], gatewayUrl: string): string {
  const [host] = hosts;
  if (host === undefined) return gatewayUrl;
  const url = new URL(gatewayUrl);
  url.hostname = host;
  return url.origin;
}

/** What the alias says that a deployment is. */
export function roleOf(alias: Alias, id: string): DeploymentView['role'] {
  if (alias.live === id) return 'live';
  if (alias.canary?.deployment === id) return 'canary';
  return alias.previous === id ? 'previous' : 'retained';
}

export function deploymentView(deployment: Deployment, alias: Alias, gatewayUrl: string): DeploymentView {
  return {
    id: deployment.id,
    app: deployment.app,
    createdAt: deployment.createdAt,
    role: roleOf(alias, deployment.id),
    functions: deployment.functions.map((fn) =>
      functionView(deployment.app, fn, deployment.manifest.hosts, gatewayUrl),
    ),
  };
}

/** Shows an app by its alias and the deployment that is live. */
export function appView({ alias, live }: ServedApp, gatewayUrl: string): AppView {
  return {
    name: alias.app,
    hosts: [...live.manifest.hosts],
    live: alias.live,
    canary: alias.canary === null ? null : { ...alias.canary },
    previous: alias.previous,
    functions: live.functions.map((fn) => functionView(alias.app, fn, live.manifest.hosts, gatewayUrl)),
  };
}
