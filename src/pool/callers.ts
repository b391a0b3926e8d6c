import type {
  CallerContext,
  PipeConsumer,
  PipeDirectory,
  ServiceDirectory,
  ServiceTarget,
} from '../capability/index.ts';
import type { Bindings } from '../channel/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import { pipesFrom } from '../events/index.ts';
import type { Grants } from '../manifest/index.ts';
import type { Dispatcher } from './port.ts';

/** Who makes calls, by instance, and what they can reach: the functions of their own deployment. */
export class Callers implements ServiceDirectory, PipeDirectory {
  readonly #project: string;
  readonly #dispatcher: Dispatcher;
  readonly #deployments = new WeakMap<CallerContext, Deployment>();

  constructor(project: string, dispatcher: Dispatcher) {
    this.#project = project;
    this.#dispatcher = dispatcher;
  }

  /** For the calls of one instance, for as long as it lives. */
  contextOf(deployment: Deployment, fn: DeployedFunction, instance: string): CallerContext {
    const context: CallerContext = {
      project: this.#project,
      app: deployment.app,
      function: fn.spec.name,
      deployment: deployment.id,
      instance,
      grants: fn.spec.grants,
    };
    this.#deployments.set(context, deployment);
    return context;
  }

  find(context: CallerContext, name: string): ServiceTarget | null {
    const deployment = this.#deployments.get(context);
    const fn = deployment?.functions.find(({ spec }) => spec.name === name);
    if (deployment === undefined || fn === undefined || !fn.handlers.includes('fetch')) return null;
    return {
      bodyBytesMax: fn.spec.limits.bodyBytes,
      dispatch: (request, sink) => this.#dispatcher.dispatch(deployment, fn, request, sink),
    };
  }

  consumers(context: CallerContext, type: string): readonly PipeConsumer[] {
    const deployment = this.#deployments.get(context);
    if (deployment === undefined) return [];
    return pipesFrom(deployment.manifest, context.function, type).map(({ lane, spec }) => ({
      lane,
      ordered: spec.ordered,
    }));
  }
}

/** Names in `env` of what is granted. Secrets are values, and egress has no names. */
export function bindingsOf({ kv, bucket, queue, service, pipe }: Grants): Bindings {
  return {
    kv: Object.keys(kv),
    bucket: Object.keys(bucket),
    queue: Object.keys(queue),
    service: Object.keys(service),
    pipe: Object.keys(pipe),
  };
}
