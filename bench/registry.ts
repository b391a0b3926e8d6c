import { bucket } from './bucket.ts';
import { burst, coldStart } from './cold-start.ts';
import { egress } from './egress.ts';
import { events } from './events.ts';
import { flood } from './flood.ts';
import { gateway } from './gateway.ts';
import { grantCheck } from './grant-check.ts';
import { inference } from './inference.ts';
import { kv } from './kv.ts';
import { devReload, serverStart } from './lifecycle.ts';
import type { Measurement } from './measurement.ts';
import { memory } from './memory.ts';
import { s3 } from './s3.ts';
import { seal } from './seal.ts';
import { warm } from './warm.ts';

/** All measurements, in the order in which they run. */
export const MEASUREMENTS: readonly Measurement[] = [
  warm,
  gateway,
  flood,
  coldStart,
  burst,
  memory,
  serverStart,
  devReload,
  kv,
  bucket,
  s3,
  events,
  egress,
  grantCheck,
  seal,
  inference,
];
