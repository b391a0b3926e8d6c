const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;

interface LimitRow {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count' | 'per second';
  readonly why: string;
}

function limit(value: number, unit: LimitRow['unit'], why: string): LimitRow {
  return { value, unit, why };
}

/**
 * Every bound that is fixed by Cordon rather than by a manifest. docs/LIMITS.md is generated from this
 * table. Each has a test at the limit and one past it.
 */
export const LIMITS = {
  // Gateway
  headersBytesMax: limit(32 * KIB, 'bytes', 'request line and headers together'),
  headersCountMax: limit(100, 'count', 'header fields in a request'),
  urlBytesMax: limit(8 * KIB, 'bytes', 'request target'),
  headersTimeoutMs: limit(10 * SECOND_MS, 'ms', 'time to send all headers'),
  bodyIdleTimeoutMs: limit(20 * SECOND_MS, 'ms', 'pause inside a request body'),
  keepAliveTimeoutMs: limit(15 * SECOND_MS, 'ms', 'idle kept-alive connection'),
  writeIdleTimeoutMs: limit(30 * SECOND_MS, 'ms', 'caller that does not read its response'),
  connectionsMax: limit(10_000, 'count', 'open connections of a listener'),
  connectionsPerAddressMax: limit(1_000, 'count', 'open connections of one address'),
  requestsInFlightMax: limit(2_000, 'count', 'requests in flight in the whole gateway'),
  drainTimeoutMs: limit(10 * SECOND_MS, 'ms', 'requests in flight at SIGTERM'),
  responseHeadersBytesMax: limit(32 * KIB, 'bytes', 'headers of a function response'),
  pipelinedRequestsMax: limit(32, 'count', 'requests in flight on one connection'),
  collectedBodyBytesMax: limit(
    64 * KIB,
    'bytes',
    'request body that is collected and sent to an instance in one go',
  ),
  lingerTimeoutMs: limit(1 * SECOND_MS, 'ms', 'time to read away what a refused caller still sends'),
  lingerBytesMax: limit(1 * MIB, 'bytes', 'bytes read away from a refused caller'),
  webSocketsMax: limit(5_000, 'count', 'open WebSockets of a listener'),
  webSocketPingMs: limit(30 * SECOND_MS, 'ms', 'time between pings, and for the answer to one'),
  webSocketMessageBytesMax: limit(1 * MIB, 'bytes', 'one WebSocket message, either way'),
  accessLinesPerSecondMax: limit(
    100,
    'per second',
    'log lines of one function about requests that went well',
  ),
  securityEventsPerSecondMax: limit(20, 'per second', 'security events of one kind that the gateway records'),
  // Channel to an instance
  frameBytesMax: limit(1 * MIB + 4 * KIB, 'bytes', 'payload of one frame from a guest'),
  streamWindowBytes: limit(256 * KIB, 'bytes', 'unacknowledged bytes of one stream and direction'),
  streamsPerInstanceMax: limit(1_000, 'count', 'streams open on one channel'),
  channelBufferBytesMax: limit(16 * MIB, 'bytes', 'bytes that wait to be written to one guest'),
  callsPerInstanceMax: limit(256, 'count', 'calls to capabilities that are open in one instance'),
  callTimeoutMs: limit(300 * SECOND_MS, 'ms', 'one call to a capability, streaming included'),
  logBytesPerSecondMax: limit(64 * KIB, 'per second', 'log output of one instance'),
  logLineBytesMax: limit(8 * KIB, 'bytes', 'one log line of a guest'),
  // Instances
  sandboxStartTimeoutMs: limit(10 * SECOND_MS, 'ms', 'time from start to ready'),
  assignTimeoutMs: limit(10 * SECOND_MS, 'ms', 'time for a bundle to load'),
  pingTimeoutMs: limit(100, 'ms', 'answer to a ping after a deadline passed'),
  poolSize: limit(4, 'count', 'anonymous sandboxes kept warm'),
  bootsInFlightMax: limit(2, 'count', 'sandboxes that boot at the same time'),
  instancesTotalMax: limit(500, 'count', 'instances on one machine'),
  queuePerFunctionMax: limit(1_000, 'count', 'requests that wait for an instance of one function'),
  queueTotalMax: limit(4_000, 'count', 'requests that wait for an instance'),
  queueTimeoutMs: limit(10 * SECOND_MS, 'ms', 'time a request waits for an instance'),
  instanceIdleMs: limit(60 * SECOND_MS, 'ms', 'idle time after which an instance is retired'),
  instanceRequestsMax: limit(100_000, 'count', 'requests after which an instance is retired'),
  denialReportsMax: limit(20, 'count', 'reports of one instance about asking for the network'),
  denialReportBytesMax: limit(512, 'bytes', 'one report about asking for the network'),
  instancePidsMax: limit(64, 'count', 'threads and processes of one sandbox'),
  instanceFilesMax: limit(64, 'count', 'open descriptors of one sandbox'),
  // Manifest defaults and ceilings
  functionTimeMsDefault: limit(10 * SECOND_MS, 'ms', 'limits.time when the manifest is silent'),
  functionTimeMsMax: limit(900 * SECOND_MS, 'ms', 'highest limits.time'),
  functionMemoryBytesDefault: limit(128 * MIB, 'bytes', 'limits.memory when the manifest is silent'),
  functionMemoryBytesMin: limit(64 * MIB, 'bytes', 'lowest limits.memory'),
  functionMemoryBytesMax: limit(4096 * MIB, 'bytes', 'highest limits.memory'),
  functionConcurrencyDefault: limit(20, 'count', 'limits.concurrency when the manifest is silent'),
  functionInstancesDefault: limit(10, 'count', 'limits.instances when the manifest is silent'),
  requestBodyBytesDefault: limit(10 * MIB, 'bytes', 'limits.body when the manifest is silent'),
  responseBytesDefault: limit(1024 * MIB, 'bytes', 'limits.response when the manifest is silent'),
  // Deploy
  sourceBytesMax: limit(64 * MIB, 'bytes', 'source archive, unpacked'),
  sourceFilesMax: limit(20_000, 'count', 'files in a source archive'),
  bundleBytesMax: limit(10 * MIB, 'bytes', 'bundle of one function'),
  manifestBytesMax: limit(256 * KIB, 'bytes', 'cordon.jsonc'),
  functionsPerAppMax: limit(200, 'count', 'functions in one manifest'),
  buildTimeoutMs: limit(30 * SECOND_MS, 'ms', 'bundling of one function'),
  buildMemoryBytesMax: limit(512 * MIB, 'bytes', 'memory of the bundler'),
  // Control API and evidence
  controlBodyBytesMax: limit(96 * MIB, 'bytes', 'body of a control request'),
  controlJsonBytesMax: limit(16 * MIB, 'bytes', 'JSON body of a control request'),
  controlConnectionsMax: limit(256, 'count', 'open connections to the control API'),
  controlBodyTimeoutMs: limit(120 * SECOND_MS, 'ms', 'time to send a whole control request'),
  controlHeartbeatMs: limit(15 * SECOND_MS, 'ms', 'silence on a log stream before a heartbeat'),
  logStreamBufferBytesMax: limit(
    1 * MIB,
    'bytes',
    'log lines that wait for a slow reader before it is cut off',
  ),
  logStreamsMax: limit(32, 'count', 'log streams open at the same time'),
  invokeResponseBytesMax: limit(16 * MIB, 'bytes', 'response that an invocation by the control API returns'),
  logRowsMax: limit(100_000, 'count', 'log lines kept'),
  evidenceBufferRowsMax: limit(20_000, 'count', 'log lines, or security events, that wait for the store'),
  evidenceBufferBytesMax: limit(16 * MIB, 'bytes', 'log lines, or security events, that wait for the store'),
  eventDetailBytesMax: limit(8 * KIB, 'bytes', 'detail of one security event'),
  eventRowsMax: limit(100_000, 'count', 'security events kept'),
  storeBatchMax: limit(1_000, 'count', 'transactions in one group commit'),
  storeQueueMax: limit(20_000, 'count', 'transactions that wait for the store'),
  // Egress
  egressRequestsPerInstanceMax: limit(100, 'count', 'requests to the outside that one instance has open'),
  egressConnectionsPerInstanceMax: limit(64, 'count', 'TCP connections that one instance has open'),
  egressConnectionsPerOriginMax: limit(64, 'count', 'pooled connections of one grant to one origin'),
  egressPoolsMax: limit(500, 'count', 'grants whose connections are kept alive'),
  egressHeadersBytesMax: limit(64 * KIB, 'bytes', 'headers of an answer from the outside'),
  egressRequestHeadersBytesMax: limit(32 * KIB, 'bytes', 'headers of a request to the outside'),
  egressBodyBytesMax: limit(
    1024 * MIB,
    'bytes',
    'body of an answer from the outside, decoded, and of a request',
  ),
  egressSignedBodyBytesMax: limit(16 * MIB, 'bytes', 'request body that the host holds to sign it'),
  egressReplayBodyBytesMax: limit(256 * KIB, 'bytes', 'request body that can be sent again after a redirect'),
  egressUnpackRatioMax: limit(100, 'count', 'decoded bytes for each received one, past the free part'),
  egressUnpackFreeBytes: limit(16 * MIB, 'bytes', 'decoded bytes before their ratio is judged'),
  egressRedirectsMax: limit(20, 'count', 'redirects that one request follows (Fetch)'),
  egressResolveTimeoutMs: limit(10 * SECOND_MS, 'ms', 'looking up the addresses of a name'),
  egressConnectTimeoutMs: limit(10 * SECOND_MS, 'ms', 'connecting to a service outside, TLS included'),
  egressHeadersTimeoutMs: limit(120 * SECOND_MS, 'ms', 'time to the headers of an answer from the outside'),
  egressIdleTimeoutMs: limit(60 * SECOND_MS, 'ms', 'pause inside an answer from the outside'),
  egressKeepAliveMs: limit(15 * SECOND_MS, 'ms', 'idle pooled connection to the outside'),
  egressAddressesMax: limit(32, 'count', 'addresses of one name'),
  egressLookupsMax: limit(2, 'count', 'names that are looked up at the same time'),
  egressNameCacheMs: limit(5 * SECOND_MS, 'ms', 'time for which the addresses of a name are remembered'),
  egressNamesCachedMax: limit(1_000, 'count', 'names whose addresses are remembered'),
  egressEventsPerInstanceMax: limit(50, 'count', 'security events of one instance about the outside'),
  // Encryption at rest
  sealedValueBytesMax: limit(32 * MIB, 'bytes', 'plaintext of one sealed value; larger ones are streams'),
  sealsPerKeyMax: limit(
    2 ** 30,
    'count',
    'values sealed under one derived key (NIST SP 800-38D allows 2^32 with random nonces)',
  ),
  derivedKeysCachedMax: limit(256, 'count', 'derived keys kept in memory for one data key'),
  projectsUnlockedMax: limit(1_000, 'count', 'projects whose data keys are kept in memory'),
  dataKeyVersionsMax: limit(100, 'count', 'data keys of one project'),
  keyRefreshMs: limit(60 * SECOND_MS, 'ms', 'time after which it is checked that a data key still exists'),
  retiredKeyGraceMs: limit(3600 * SECOND_MS, 'ms', 'time before a retired data key can be forgotten'),
  resealBatchMax: limit(100, 'count', 'values that are resealed between two durable marks'),
  keyServiceTimeoutMs: limit(10 * SECOND_MS, 'ms', 'one request to a key service'),
  keyServiceAttemptsMax: limit(3, 'count', 'requests to a key service for one operation'),
  keyAnswerBytesMax: limit(64 * KIB, 'bytes', 'answer of a key service or program'),
  keyCommandTimeoutMs: limit(30 * SECOND_MS, 'ms', 'one run of the program that wraps keys'),
  // Secrets
  secretValueBytesMax: limit(64 * KIB, 'bytes', 'value of one secret, in UTF-8'),
  secretsPerProjectMax: limit(1_000, 'count', 'secrets of one project'),
  secretsCachedMax: limit(1_000, 'count', 'values of secrets kept in memory'),
  // Capabilities
  inlineContentBytesMax: limit(
    64 * KIB,
    'bytes',
    'value or object that is kept in its row and not in a file',
  ),
  kvKeyBytesMax: limit(512, 'bytes', 'key of kv, in UTF-8'),
  kvValueBytesMax: limit(25 * MIB, 'bytes', 'value of kv'),
  kvMetadataBytesMax: limit(1 * KIB, 'bytes', 'metadata of one kv key, as JSON'),
  kvListKeysMax: limit(1_000, 'count', 'keys in one answer to list'),
  kvCacheBytesMax: limit(32 * MIB, 'bytes', 'kv values kept in memory for reading'),
  kvSweepIntervalMs: limit(30 * SECOND_MS, 'ms', 'time between two removals of expired keys'),
  kvSweepBatchMax: limit(500, 'count', 'expired keys that are removed in one transaction'),
  bucketKeyBytesMax: limit(1_024, 'bytes', 'key of a bucket, in UTF-8'),
  bucketObjectBytesMax: limit(5 * 1024 * MIB, 'bytes', 'object in a bucket'),
  bucketMetadataBytesMax: limit(8 * KIB, 'bytes', 'metadata of one object, as JSON'),
  bucketListMax: limit(1_000, 'count', 'objects and prefixes in one answer to list'),
  bucketDeleteKeysMax: limit(1_000, 'count', 'keys in one delete'),
  bucketWriteAttemptsMax: limit(5, 'count', 'tries of a write that others overtake'),
  releasedBatchMax: limit(100, 'count', 'files that are deleted between two marks'),
  queueBatchMessagesMax: limit(100, 'count', 'messages in one send'),
  queueBatchBytesMax: limit(256 * KIB, 'bytes', 'bodies in one send'),
  queueMessageBytesMax: limit(128 * KIB, 'bytes', 'body of one message'),
  queueDelayMsMax: limit(12 * 3600 * SECOND_MS, 'ms', 'delay of a message'),
  serviceHopsMax: limit(8, 'count', 'functions that call each other in a chain'),
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;
