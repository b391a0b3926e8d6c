import { Broker, Meter } from '../broker/index.ts';
import {
  PipeCapability,
  SecretHandles,
  ServiceCapability,
  createConnectCapability,
  createFetchCapability,
  createSecretCapability,
  grantedValues,
  openStorageCapabilities,
  secretVariables,
} from '../capability/index.ts';
import type {
  CallerContext,
  PipeDirectory,
  ServiceDirectory,
  StorageCapabilities,
} from '../capability/index.ts';
import { systemClock } from '../contract/index.ts';
import type { Closers } from './closers.ts';
import type { OpenedEvents } from './open-events.ts';
import type { State } from './open-state.ts';

/** All that functions can be granted, and what judges and counts its use. */
export interface Capabilities {
  readonly broker: Broker;
  readonly meter: Meter;
  readonly storage: StorageCapabilities;
  /** What stands in `env` for secrets. */
  variables(context: CallerContext): Promise<Readonly<Record<string, string>>>;
  /** What may not stand in a log: the values of the secrets that are granted. */
  confidential(context: CallerContext): Promise<readonly string[]>;
}

/** Who can reach whom; the pool says it. */
export interface Directories {
  readonly services: ServiceDirectory;
  readonly pipes: PipeDirectory;
}

/**
 * `directories` find functions for each other; they are asked at each call, so they may come to be later.
 * `closedPorts` are those that the server itself listens on; they may become known later too.
 */
export async function openCapabilities(
  { store, vault, secrets, streamed, evidence }: State,
  { events, admission }: OpenedEvents,
  directories: () => Directories,
  closedPorts: ReadonlySet<number>,
  closers: Closers,
): Promise<Capabilities> {
  const clock = systemClock;
  const handles = new SecretHandles();
  const environment = { store, objects: streamed, sealer: vault, clock, evidence, events };
  const storage = await openStorageCapabilities(environment, { admission });
  closers.add(() => storage.close());
  const fetch = createFetchCapability({ secrets, evidence, handles, clock, closedPorts });
  closers.add(() => fetch.close());
  const services: ServiceDirectory = { find: (...given) => directories().services.find(...given) };
  const pipes: PipeDirectory = { consumers: (...given) => directories().pipes.consumers(...given) };
  const meter = new Meter();
  const capabilities = [
    ...storage.capabilities,
    new ServiceCapability({ directory: services, evidence }),
    new PipeCapability({ log: events, directory: pipes, evidence, clock }),
    fetch,
    createConnectCapability({ evidence, closedPorts }),
    createSecretCapability({ secrets, evidence }),
  ];
  return {
    broker: new Broker({ capabilities, evidence, meter }),
    meter,
    storage,
    variables: (context) => secretVariables(context, context.grants, handles, secrets),
    confidential: (context) => grantedValues(context, secrets),
  };
}
