import { remembered } from './remembered.ts';

/** What the gateway does with a request field of a name. */
export type Disposition =
  | 'pass'
  | 'drop'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'authorization'
  | 'cookie'
  | 'origin'
  | 'websocket-key'
  | 'websocket-version';

const SPECIAL: ReadonlyMap<string, Disposition> = new Map<string, Disposition>([
  ['host', 'host'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['connection', 'connection'],
  ['authorization', 'authorization'],
  ['cookie', 'cookie'],
  ['origin', 'origin'],
  ['sec-websocket-key', 'websocket-key'],
  ['sec-websocket-version', 'websocket-version'],
]);

/** Fields of one hop, and fields by which a proxy in front would say who the caller is. Nobody is in front. */
const DROPPED: ReadonlySet<string> = new Set([
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'http2-settings',
  'sec-websocket-extensions',
  'sec-websocket-accept',
  'forwarded',
  'via',
  'x-real-ip',
  'x-real-port',
  'x-client-ip',
  'x-client-dn',
  'x-client-cert',
  'x-cluster-client-ip',
  'x-original-url',
  'x-original-host',
  'x-original-uri',
  'x-original-method',
  'x-rewrite-url',
  'x-remote-user',
  'x-remote-addr',
  'x-remote-ip',
  'remote-user',
  'remote-addr',
  'x-user',
  'x-authenticated-user',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-host',
  'x-http-host-override',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-request-id',
  'true-client-ip',
  'fastly-client-ip',
  'client-ip',
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'x-ssl-client-cert',
  'x-azure-clientip',
  'x-azure-socketip',
]);

const DROPPED_PREFIX =
  /^(?:x-forwarded|x-cordon-|cf-|proxy-|x-envoy-|x-amzn-|x-goog-iap-|x-ms-client-principal)/;

/**
 * What to do with a field. Underscores count as hyphens: frameworks that map both to one name must not be
 * fooled.
 */
export const dispositionOf = remembered(judge);

function judge(name: string): Disposition {
  const lower = name.toLowerCase();
  const special = SPECIAL.get(lower);
  if (special !== undefined) return special;
  const hyphened = lower.replaceAll('_', '-');
  // `Content_Length` and the like would be read as framing by a framework that maps names.
  if (DROPPED.has(hyphened) || DROPPED_PREFIX.test(hyphened) || SPECIAL.has(hyphened)) return 'drop';
  return 'pass';
}
