import type { FunctionSpec } from './schema.ts';

/** A handler that a function has to export, and the place in it that asks for it. */
export interface HandlerNeed {
  readonly handler: 'queue' | 'scheduled' | 'event';
  /** Path inside of the function: `['on', 0]`, `['routes', 2]`. */
  readonly path: readonly [list: 'on' | 'routes', index: number];
}

/** Handlers of events that the sources and routes of a function ask for, each once for each place. */
export function handlersNeeded({ sources, routes }: FunctionSpec): HandlerNeed[] {
  return [
    ...sources.map(({ kind }, index): HandlerNeed => {
      const handler = kind === 'queue' ? 'queue' : kind === 'cron' ? 'scheduled' : 'event';
      return { handler, path: ['on', index] };
    }),
    ...routes.flatMap(({ deliver }, index): HandlerNeed[] =>
      deliver === 'request' ? [] : [{ handler: 'event', path: ['routes', index] }],
    ),
  ];
}

/**
 * Names of handlers that sources or routes of a function ask for and its module does not export, each once. Without
 * one its events would end as dead letters.
 */
export function missingHandlers(spec: FunctionSpec, handlers: readonly string[]): string[] {
  const needed = new Set(handlersNeeded(spec).map(({ handler }) => handler));
  return [...needed].filter((handler) => !handlers.includes(handler));
}
