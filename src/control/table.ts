import type { Operation } from './operation.ts';
import { APP_OPERATIONS } from './operations/apps.ts';
import { ACCESS_KEY_OPERATIONS } from './operations/access-keys.ts';
import { API_KEY_OPERATIONS } from './operations/api-keys.ts';
import { AUTHZ_OPERATIONS } from './operations/authz.ts';
import { KEY_OPERATIONS } from './operations/keys.ts';
import { SECRET_OPERATIONS } from './operations/secrets.ts';
import { EVENT_OPERATIONS } from './operations/events.ts';
import { EVIDENCE_OPERATIONS } from './operations/evidence.ts';
import { INVOKE_OPERATIONS } from './operations/invoke.ts';
import { REJECTED_OBJECT_OPERATIONS } from './operations/rejected-objects.ts';
import { SERVER_OPERATIONS } from './operations/server.ts';

/** Every operation of the control API. The listener, the OpenAPI document and the client's types come from it. */
export const OPERATIONS = [
  ...SERVER_OPERATIONS,
  ...APP_OPERATIONS,
  ...INVOKE_OPERATIONS,
  ...AUTHZ_OPERATIONS,
  ...EVIDENCE_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...REJECTED_OBJECT_OPERATIONS,
  ...SECRET_OPERATIONS,
  ...KEY_OPERATIONS,
  ...API_KEY_OPERATIONS,
  ...ACCESS_KEY_OPERATIONS,
] as const;

type Types<T> =
  T extends Operation<infer M, infer Path, infer P, infer Q, infer B, infer R>
    ? {
        readonly key: `${M} ${Path}`;
        readonly params: P;
        readonly query: Q;
        readonly body: B;
        readonly response: R;
      }
    : never;

type Rows = Types<(typeof OPERATIONS)[number]>;

/** The types of every operation, by method and path: `ControlApi['GET /v1/apps']['response']`. */
export type ControlApi = { readonly [Row in Rows as Row['key']]: Omit<Row, 'key'> };
