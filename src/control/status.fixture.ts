import type { DeliveryStatus } from '../delivery/index.ts';
import type { ServerStatus } from './schema.ts';

/** A server that does nothing. */
export const STATUS: ServerStatus = {
  startedAt: 1_700_000_000_000,
  gatewayUrl: 'http://127.0.0.1:8080',
  isolation: 'fake',
  confines: true,
  pool: { warm: 1, booting: 0, size: 1 },
  requestsWaiting: 0,
  eventsWaiting: 0,
  instances: [],
  versions: { cordon: '0.0.0' },
};

export const IDLE_DELIVERY: DeliveryStatus = { inFlight: 0, draining: false, functions: [], unserved: [] };
