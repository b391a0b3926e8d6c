import { LIMITS } from '../contract/index.ts';

/** The bounds of one gateway, in the units their names end with. */
export interface GatewayLimits {
  readonly headersBytesMax: number;
  readonly headersCountMax: number;
  readonly urlBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  readonly guardsTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly writeIdleTimeoutMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly http2StreamsMax: number;
  readonly http2WindowBytes: number;
  readonly http2ResetsMax: number;
  readonly http2ResetWindowMs: number;
  readonly http2InvalidFramesMax: number;
  readonly http2OverheadBytesPerSecondMax: number;
  readonly requestsInFlightMax: number;
  readonly pipelinedRequestsMax: number;
  readonly collectedBodyBytesMax: number;
  readonly wholeBodiesBytesMax: number;
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
    guardsTimeoutMs: LIMITS.guardsTimeoutMs.value,
    keepAliveTimeoutMs: LIMITS.keepAliveTimeoutMs.value,
    writeIdleTimeoutMs: LIMITS.writeIdleTimeoutMs.value,
    connectionsMax: LIMITS.connectionsMax.value,
    connectionsPerAddressMax: LIMITS.connectionsPerAddressMax.value,
    http2StreamsMax: LIMITS.http2StreamsMax.value,
    http2WindowBytes: LIMITS.http2WindowBytes.value,
    http2ResetsMax: LIMITS.http2ResetsMax.value,
    http2ResetWindowMs: LIMITS.http2ResetWindowMs.value,
    http2InvalidFramesMax: LIMITS.http2InvalidFramesMax.value,
    http2OverheadBytesPerSecondMax: LIMITS.http2OverheadBytesPerSecondMax.value,
    requestsInFlightMax: LIMITS.requestsInFlightMax.value,
    pipelinedRequestsMax: LIMITS.pipelinedRequestsMax.value,
    collectedBodyBytesMax: LIMITS.collectedBodyBytesMax.value,
    wholeBodiesBytesMax: LIMITS.wholeBodiesBytesMax.value,
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
