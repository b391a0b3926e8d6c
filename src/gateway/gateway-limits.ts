import { LIMITS } from '../contract/index.ts';

/** The bounds of one gateway, in the units their names end with. */
export interface GatewayLimits {
  readonly headersBytesMax: number;
  readonly headersCountMax: number;
  readonly urlBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly writeIdleTimeoutMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly requestsInFlightMax: number;
  readonly pipelinedRequestsMax: number;
  readonly collectedBodyBytesMax: number;
  readonly lingerTimeoutMs: number;
  readonly lingerBytesMax: number;
  readonly drainTimeoutMs: number;
  readonly responseHeadersBytesMax: number;
  readonly webSocketsMax: number;
  readonly webSocketPingMs: number;
  readonly webSocketMessageBytesMax: number;
  readonly securityEventsPerSecondMax: number;
}

/** `LIMITS` with some replaced. */
export function gatewayLimits(replaced: Partial<GatewayLimits> = {}): GatewayLimits {
  const named = {
    headersBytesMax: LIMITS.headersBytesMax.value,
    headersCountMax: LIMITS.headersCountMax.value,
    urlBytesMax: LIMITS.urlBytesMax.value,
    headersTimeoutMs: LIMITS.headersTimeoutMs.value,
    bodyIdleTimeoutMs: LIMITS.bodyIdleTimeoutMs.value,
    keepAliveTimeoutMs: LIMITS.keepAliveTimeoutMs.value,
    writeIdleTimeoutMs: LIMITS.writeIdleTimeoutMs.value,
    connectionsMax: LIMITS.connectionsMax.value,
    connectionsPerAddressMax: LIMITS.connectionsPerAddressMax.value,
    requestsInFlightMax: LIMITS.requestsInFlightMax.value,
    pipelinedRequestsMax: LIMITS.pipelinedRequestsMax.value,
    collectedBodyBytesMax: LIMITS.collectedBodyBytesMax.value,
    lingerTimeoutMs: LIMITS.lingerTimeoutMs.value,
    lingerBytesMax: LIMITS.lingerBytesMax.value,
    drainTimeoutMs: LIMITS.drainTimeoutMs.value,
    responseHeadersBytesMax: LIMITS.responseHeadersBytesMax.value,
    webSocketsMax: LIMITS.webSocketsMax.value,
    webSocketPingMs: LIMITS.webSocketPingMs.value,
    webSocketMessageBytesMax: LIMITS.webSocketMessageBytesMax.value,
    securityEventsPerSecondMax: LIMITS.securityEventsPerSecondMax.value,
  };
  return { ...named, ...replaced };
}
