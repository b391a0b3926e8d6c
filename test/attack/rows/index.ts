import type { Row } from '../row.ts';
import { API_KEY_ROWS } from './api-keys.ts';
import { ARCHIVE_ROWS } from './archives.ts';
import { AT_REST_ROWS } from './at-rest.ts';
import { BODY_ROWS } from './bodies.ts';
import { BOMB_ROWS } from './bombs.ts';
import { BURST_ROWS } from './bursts.ts';
import { CERTIFICATE_ROWS } from './certificates.ts';
import { CHANNEL_ROWS } from './channel.ts';
import { CONTROL_ROWS } from './control-api.ts';
import { EGRESS_ROWS } from './egress.ts';
import { FLOOD_ROWS } from './flood.ts';
import { FLOW_ROWS } from './flows.ts';
import { FORGED_EVENT_ROWS } from './forged-events.ts';
import { FRAMING_ROWS } from './framing.ts';
import { GRANT_ROWS } from './grants.ts';
import { IDENTITY_HEADER_ROWS } from './identity-headers.ts';
import { KEY_ROWS } from './keys.ts';
import { LOG_LINE_ROWS } from './log-lines.ts';
import { LOG_ROWS } from './logs.ts';
import { LOOP_ROWS } from './loops.ts';
import { MALWARE_ROWS } from './malware.ts';
import { NATIVE_ROWS } from './native.ts';
import { OBJECT_ROWS } from './objects.ts';
import { POISON_ROWS } from './poison.ts';
import { RANDOM_ROWS } from './randomness.ts';
import { REACH_ROWS } from './reach.ts';
import { RESIDUE_ROWS } from './residue.ts';
import { SLOW_ROWS } from './slow.ts';
import { SOCKET_ROWS } from './sockets.ts';
import { STUFFING_ROWS } from './stuffing.ts';
import { SURFACE_ROWS } from './surface.ts';
import { TIME_ROWS } from './time.ts';
import { TOKEN_ROWS } from './tokens.ts';
import { UPLOAD_ARCHIVE_ROWS } from './upload-archives.ts';
import { UPLOAD_ROWS } from './uploads.ts';
import { WEBHOOK_ROWS } from './webhooks.ts';

/** Every row, in the order of the table. */
export const ROWS: readonly Row[] = [
  ...SURFACE_ROWS,
  ...AT_REST_ROWS,
  ...FRAMING_ROWS,
  ...SLOW_ROWS,
  ...REACH_ROWS,
  ...SOCKET_ROWS,
  ...NATIVE_ROWS,
  ...BOMB_ROWS,
  ...ARCHIVE_ROWS,
  ...CHANNEL_ROWS,
  ...CONTROL_ROWS,
  ...EGRESS_ROWS,
  ...GRANT_ROWS,
  ...KEY_ROWS,
  ...TOKEN_ROWS,
  ...OBJECT_ROWS,
  ...API_KEY_ROWS,
  ...CERTIFICATE_ROWS,
  ...BODY_ROWS,
  ...IDENTITY_HEADER_ROWS,
  ...BURST_ROWS,
  ...WEBHOOK_ROWS,
  ...LOG_ROWS,
  ...LOG_LINE_ROWS,
  ...STUFFING_ROWS,
  ...RESIDUE_ROWS,
  ...RANDOM_ROWS,
  ...TIME_ROWS,
  ...FLOOD_ROWS,
  ...MALWARE_ROWS,
  ...UPLOAD_ROWS,
  ...FORGED_EVENT_ROWS,
  ...POISON_ROWS,
  ...LOOP_ROWS,
  ...FLOW_ROWS,
  ...UPLOAD_ARCHIVE_ROWS,
].toSorted(
  (a, b) => a.id.slice(0, 1).localeCompare(b.id.slice(0, 1)) || Number(a.id.slice(1)) - Number(b.id.slice(1)),
);
