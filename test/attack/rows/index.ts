import type { Row } from '../row.ts';
import { ARCHIVE_ROWS } from './archives.ts';
import { AT_REST_ROWS } from './at-rest.ts';
import { BOMB_ROWS } from './bombs.ts';
import { CHANNEL_ROWS } from './channel.ts';
import { CONTROL_ROWS } from './control-api.ts';
import { EGRESS_ROWS } from './egress.ts';
import { FLOOD_ROWS } from './flood.ts';
import { FRAMING_ROWS } from './framing.ts';
import { GRANT_ROWS } from './grants.ts';
import { KEY_ROWS } from './keys.ts';
import { LOG_ROWS } from './logs.ts';
import { NATIVE_ROWS } from './native.ts';
import { RANDOM_ROWS } from './randomness.ts';
import { REACH_ROWS } from './reach.ts';
import { RESIDUE_ROWS } from './residue.ts';
import { SLOW_ROWS } from './slow.ts';
import { SOCKET_ROWS } from './sockets.ts';
import { SURFACE_ROWS } from './surface.ts';
import { TIME_ROWS } from './time.ts';

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
  ...LOG_ROWS,
  ...RESIDUE_ROWS,
  ...RANDOM_ROWS,
  ...TIME_ROWS,
  ...FLOOD_ROWS,
].toSorted(
  (a, b) => a.id.slice(0, 1).localeCompare(b.id.slice(0, 1)) || Number(a.id.slice(1)) - Number(b.id.slice(1)),
);
