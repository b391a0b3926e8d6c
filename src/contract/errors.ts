/** Who has to act on an error: the caller of a function, the operator of Cordon, or Cordon itself. */
export type Fault = 'caller' | 'operator' | 'internal';

interface ErrorRow {
  readonly fault: Fault;
  /** HTTP status that a caller or a client of the control API sees. */
  readonly status: number;
  readonly summary: string;
  /** What to do next, as an imperative sentence. */
  readonly next: string;
}

function row(fault: Fault, status: number, summary: string, next: string): ErrorRow {
  return { fault, status, summary, next };
}

/**
 * Every error that Cordon can name. A code never changes its meaning; docs/ERRORS.md is generated from
 * this table, and a test fails when they differ.
 */
export const ERRORS = {
  // Gateway: what a caller sent.
  CORDON_REQUEST_MALFORMED: row(
    'caller',
    400,
    'The request is not one well-formed HTTP request.',
    'Send a request that follows RFC 9110 and RFC 9112.',
  ),
  CORDON_TARGET_REFUSED: row(
    'caller',
    400,
    'The request target is ambiguous or not canonical.',
    'Send a path without encoded separators, dot segments, empty segments or backslashes.',
  ),
  CORDON_HOST_REFUSED: row(
    'caller',
    400,
    'The Host header is missing, repeated or malformed.',
    'Send exactly one valid Host header.',
  ),
  CORDON_ROUTE_UNKNOWN: row(
    'caller',
    404,
    'No route matches this host and path.',
    'Check the path against the routes in cordon.jsonc.',
  ),
  CORDON_METHOD_REFUSED: row(
    'caller',
    405,
    'The route exists but not for this method.',
    'Use a method that the Allow header lists.',
  ),
  CORDON_UNAUTHENTICATED: row('caller', 401, 'The caller is not known.', 'Send valid credentials.'),
  CORDON_LOGIN_REQUIRED: row('caller', 302, 'The page asks for a login.', 'Follow the redirect.'),
  CORDON_RATE_LIMITED: row(
    'caller',
    429,
    'The caller has made too many requests.',
    'Wait for the time that Retry-After says.',
  ),
  CORDON_CONTENT_TYPE_REFUSED: row(
    'caller',
    415,
    'The route does not take a body of this content type.',
    'Send one of the content types that the Accept header of the answer lists.',
  ),
  CORDON_REQUEST_INVALID: row(
    'caller',
    400,
    'The request does not follow the schema of the route.',
    'Fix what the answer points at.',
  ),
  CORDON_LOGIN_REFUSED: row('caller', 400, 'The login could not be completed.', 'Start the login again.'),
  CORDON_LOGIN_UNAVAILABLE: row(
    'operator',
    503,
    'The OpenID provider of a login does not answer as it should.',
    'Check that the provider can be reached from this machine and that `auth.oidc` names it rightly.',
  ),
  CORDON_FORBIDDEN: row('caller', 403, 'The caller may not do this.', 'Ask the operator for access.'),
  CORDON_BODY_TOO_LARGE: row(
    'caller',
    413,
    'The request body is larger than the route allows.',
    'Send a smaller body or raise limits.body in cordon.jsonc.',
  ),
  CORDON_URL_TOO_LONG: row(
    'caller',
    414,
    'The request target is longer than allowed.',
    'Send a shorter path and query.',
  ),
  CORDON_HEADERS_TOO_LARGE: row(
    'caller',
    431,
    'The request headers are larger or more than allowed.',
    'Send fewer and shorter headers.',
  ),
  CORDON_REQUEST_TIMEOUT: row(
    'caller',
    408,
    'The request was not sent in time.',
    'Send the whole request within the time limit.',
  ),
  CORDON_UPGRADE_REFUSED: row(
    'caller',
    426,
    'The upgrade is not one that this route accepts.',
    'Open a WebSocket on a route whose function accepts one.',
  ),
  CORDON_CALLER_LEFT: row(
    'caller',
    499,
    'The caller closed the connection before the response was complete.',
    'Nothing to do.',
  ),
  // Gateway and pool: load.
  CORDON_OVERLOADED: row(
    'operator',
    503,
    'More requests are waiting than the limits allow.',
    'Retry after the time in Retry-After, or raise limits.instances.',
  ),
  CORDON_COUNTERS_UNAVAILABLE: row(
    'operator',
    503,
    'The counters of the rate limits cannot be reached.',
    'Start Valkey again, or let each node count by itself with `fallback: "local"`.',
  ),
  CORDON_GUARD_TIMEOUT: row(
    'operator',
    503,
    'What guards the route did not answer in time.',
    'Look whether its issuer, counters and lookups can be reached.',
  ),
  CORDON_DRAINING: row('operator', 503, 'The server is shutting down.', 'Retry the request.'),
  // Running a function.
  CORDON_FUNCTION_TIMEOUT: row(
    'operator',
    504,
    'The function did not finish within limits.time.',
    'Make the function faster or raise limits.time.',
  ),
  CORDON_FUNCTION_ERROR: row(
    'operator',
    500,
    'The function threw an error.',
    'Find the error by its id with `cordon logs`.',
  ),
  CORDON_FUNCTION_CRASHED: row(
    'operator',
    502,
    'The instance that served the request ended.',
    'Find the reason by its id with `cordon logs`.',
  ),
  CORDON_FUNCTION_MEMORY: row(
    'operator',
    502,
    'The instance used more memory than limits.memory.',
    'Use less memory or raise limits.memory.',
  ),
  CORDON_FUNCTION_RESPONSE: row(
    'operator',
    502,
    'The function returned something that is not a usable Response.',
    'Return a Response from the handler.',
  ),
  CORDON_RESPONSE_TOO_LARGE: row(
    'operator',
    502,
    'The response is larger than limits.response.',
    'Answer with less or raise limits.response.',
  ),
  CORDON_SANDBOX_FAILED: row('internal', 503, 'A sandbox could not be started.', 'Run `cordon doctor`.'),
  CORDON_CHANNEL_VIOLATION: row(
    'internal',
    502,
    'A sandbox broke the channel protocol and was killed.',
    'Look at the security events with `cordon logs --security`.',
  ),
  CORDON_INTERNAL: row(
    'internal',
    500,
    'Cordon failed.',
    'Find the cause by its id in the server log and report it.',
  ),
  // Capabilities, thrown in the guest.
  CORDON_GRANT_MISSING: row(
    'operator',
    403,
    'The manifest does not grant this.',
    'Add the grant to cordon.jsonc and deploy.',
  ),
  CORDON_CALL_INVALID: row(
    'caller',
    400,
    'A call to a capability has wrong arguments.',
    'Fix the arguments.',
  ),
  CORDON_CALL_TIMEOUT: row(
    'operator',
    504,
    'A call to a capability did not end in time.',
    'Try again, or ask for less at a time.',
  ),
  CORDON_CALLS_TOO_MANY: row(
    'operator',
    429,
    'Too many calls to capabilities are open in one instance.',
    'Await some of the calls before making more.',
  ),
  // kv, bucket, queue and service, thrown in the guest.
  CORDON_CURSOR_INVALID: row(
    'caller',
    400,
    'The cursor is not one that list gave.',
    'Use the cursor of the answer before, with the same prefix.',
  ),
  CORDON_KV_KEY_INVALID: row(
    'caller',
    400,
    'The key cannot be used in kv.',
    'Use 1 to 512 bytes of well-formed text without NUL, and not "." or "..".',
  ),
  CORDON_KV_VALUE_TOO_LARGE: row(
    'caller',
    413,
    'The value is larger than kv holds.',
    'Store it in a bucket, or in parts.',
  ),
  CORDON_KV_VALUE_UNREADABLE: row(
    'operator',
    500,
    'A stored value that a route looks up is no small JSON object.',
    'Store a JSON object under the key that `resource.from` names.',
  ),
  CORDON_KV_METADATA_TOO_LARGE: row(
    'caller',
    413,
    'The metadata of the key is larger than allowed.',
    'Keep less in the metadata.',
  ),
  CORDON_KV_EXPIRATION_INVALID: row(
    'caller',
    400,
    'The time at which the key expires is not usable.',
    'Give whole seconds: `expiration` in the future, or `expirationTtl` of at least 1.',
  ),
  CORDON_BUCKET_KEY_INVALID: row(
    'caller',
    400,
    'The key cannot be used in a bucket.',
    'Use 1 to 1,024 bytes of well-formed text without NUL.',
  ),
  CORDON_BUCKET_OBJECT_TOO_LARGE: row(
    'caller',
    413,
    'The object is larger than a bucket holds.',
    'Store it in parts.',
  ),
  CORDON_BUCKET_METADATA_TOO_LARGE: row(
    'caller',
    413,
    'The metadata of the object is larger than allowed.',
    'Keep less in the metadata.',
  ),
  CORDON_BUCKET_CHECKSUM_WRONG: row(
    'caller',
    400,
    'The bytes do not have the checksum that was given for them.',
    'Send the bytes again, or fix the checksum.',
  ),
  CORDON_BUCKET_RANGE_INVALID: row(
    'caller',
    416,
    'The range is not in the object.',
    'Ask for a range within the size of the object.',
  ),
  // Events
  CORDON_EVENTS_FULL: row(
    'caller',
    429,
    'More events of this kind wait than may.',
    'Send again later, after the time that Retry-After says; let the consumer catch up, or give it more instances.',
  ),
  CORDON_EVENT_INVALID: row(
    'caller',
    400,
    'The event is not a CloudEvent as CloudEvents 1.0 says.',
    'Fix the attribute that the answer names.',
  ),
  CORDON_EVENT_TOO_LARGE: row(
    'caller',
    413,
    'The event is too large.',
    'Send less data, or put it into a bucket and send its key.',
  ),
  CORDON_EVENT_HOPS: row(
    'caller',
    508,
    'Too many events stand behind this one: functions set each other off in a loop.',
    'Let one of the functions of the loop end it.',
  ),
  CORDON_EVENT_UNKNOWN: row(
    'caller',
    404,
    'There is no such event.',
    'List the events with `cordon events list`.',
  ),
  CORDON_EVENT_FORGED: row(
    'internal',
    409,
    'An event was not made by this server, or was changed, cut or moved since.',
    'Drop it, and look for who can write the data folder.',
  ),
  // Uploads
  CORDON_UPLOAD_NAME_REFUSED: row(
    'caller',
    400,
    'The name of the upload hides what it is.',
    'Send it under a name with one plain extension.',
  ),
  CORDON_UPLOAD_TYPE_REFUSED: row(
    'caller',
    415,
    'The bytes of the upload are not of a type that is taken, or not of the type that its name or Content-Type says.',
    'Send a file of a type that is taken, with the extension and Content-Type of that type.',
  ),
  CORDON_UPLOAD_TOO_LARGE: row('caller', 413, 'The upload is larger than is taken.', 'Send a smaller file.'),
  CORDON_UPLOAD_ARCHIVE_REFUSED: row(
    'caller',
    422,
    'The archive holds what archives may not hold, or cannot be unpacked within bounds.',
    'Send an archive of plain files with relative names, not encrypted, and not of archives in archives.',
  ),
  CORDON_UPLOAD_MALWARE: row('caller', 422, 'The virus scanner objects to the upload.', 'Send a clean file.'),
  CORDON_UPLOAD_UNCHECKED: row(
    'operator',
    503,
    'The upload could not be checked, so it was not taken.',
    'Look at the security events; start clamd, which is configured or installed, or say CORDON_CLAMD_CONFIG=off, and send again.',
  ),
  CORDON_UPLOAD_UNKNOWN: row(
    'caller',
    404,
    'There is no such rejected object.',
    'List them with `cordon quarantine list`.',
  ),
  CORDON_PIPE_NOBODY: row(
    'operator',
    404,
    'No function of the deployment takes events of this type from the one that sends it.',
    'Add a source `{ "pipe": … }` with the type to the function that is to take them.',
  ),
  CORDON_QUEUE_MESSAGE_TOO_LARGE: row(
    'caller',
    413,
    'A message is larger than a queue takes.',
    'Store the body in a bucket and send its key.',
  ),
  CORDON_QUEUE_BATCH_TOO_LARGE: row(
    'caller',
    413,
    'One send has more messages or bytes than allowed.',
    'Send the messages in several batches.',
  ),
  CORDON_SERVICE_REQUEST_INVALID: row(
    'caller',
    400,
    'The request cannot be sent to another function.',
    'Use an absolute http or https URL and valid headers, and call it while a request is served.',
  ),
  CORDON_SERVICE_UNKNOWN: row(
    'operator',
    404,
    'The deployment has no function of this name that answers requests.',
    'Check `grants.service` against the functions in cordon.jsonc.',
  ),
  CORDON_SERVICE_HOPS: row(
    'operator',
    508,
    'Functions call each other in a chain that is longer than allowed.',
    'Look for functions that call each other in a circle.',
  ),
  CORDON_EGRESS_DENIED: row(
    'operator',
    403,
    'The destination of a request to the outside is not allowed.',
    'Check the address behind the name; for one of a private network set `unsafePrivate` in the grant.',
  ),
  CORDON_EGRESS_FAILED: row(
    'operator',
    502,
    'A request to the outside failed.',
    'Check that the service can be reached from this machine and follows its protocol.',
  ),
  CORDON_EGRESS_TIMEOUT: row(
    'operator',
    504,
    'A service outside did not answer in time.',
    'Try again, or check the service.',
  ),
  CORDON_EGRESS_TOO_LARGE: row(
    'operator',
    502,
    'A request to the outside, or its answer, is larger than allowed.',
    'Ask for less at a time.',
  ),
  CORDON_EGRESS_TOO_MANY: row(
    'operator',
    429,
    'Too many requests or connections to the outside are open in one instance.',
    'Await some of them before opening more.',
  ),
  CORDON_SECRET_MISSING: row(
    'operator',
    500,
    'A secret that a grant names has no value.',
    'Set it with `cordon secret set`.',
  ),
  CORDON_SECRET_INVALID: row(
    'operator',
    400,
    'The name or the value of a secret cannot be used.',
    'Name it in capitals, digits and `_`, and give it 1 byte to 64 KiB of text.',
  ),
  CORDON_SECRET_UNKNOWN: row(
    'operator',
    404,
    'There is no secret of this name.',
    'List the secrets with `cordon secret list`.',
  ),
  CORDON_API_KEY_INVALID: row(
    'operator',
    400,
    'An API key cannot be made like this.',
    'Fix what is named; the authenticator and its scopes are in cordon.jsonc.',
  ),
  CORDON_API_KEY_UNKNOWN: row(
    'operator',
    404,
    'There is no API key with this id.',
    'List the keys with `cordon key list`.',
  ),
  CORDON_ACCESS_KEY_INVALID: row(
    'operator',
    400,
    'An access key cannot be made or used like this.',
    'Fix what is named; `cordon access-key create --help` shows examples.',
  ),
  CORDON_ACCESS_KEY_UNKNOWN: row(
    'operator',
    404,
    'There is no access key with this id.',
    'List the keys with `cordon access-key list`.',
  ),
  // Manifest.
  CORDON_MANIFEST_MISSING: row(
    'operator',
    400,
    'There is no cordon.jsonc here.',
    'Run `cordon init`, or name the folder that holds it.',
  ),
  CORDON_MANIFEST_SYNTAX: row(
    'operator',
    400,
    'cordon.jsonc is not valid JSON with comments.',
    'Fix the syntax at the place shown.',
  ),
  CORDON_MANIFEST_INVALID: row(
    'operator',
    400,
    'cordon.jsonc does not follow its schema.',
    'Fix the key at the place shown.',
  ),
  CORDON_MANIFEST_FILE: row(
    'operator',
    400,
    'A file that cordon.jsonc names is missing, too large or not text.',
    'Create the file below the folder of cordon.jsonc, or fix its name.',
  ),
  CORDON_POLICY_INVALID: row(
    'operator',
    400,
    'A policy does not validate against the schema of its route.',
    'Fix the policy at the place shown; `cordon authz schema` prints what it may ask for.',
  ),
  CORDON_SCHEMA_INVALID: row(
    'operator',
    400,
    'A JSON Schema cannot be used to check requests.',
    'Fix the schema at the place shown: draft 2020-12, without remote references, within the named limits.',
  ),
  CORDON_OPENAPI_INVALID: row(
    'operator',
    400,
    'The OpenAPI document cannot be made into an app.',
    'Give a document of OpenAPI 3.1, as JSON or YAML, whose references stay within it.',
  ),
  CORDON_AUTH_INVALID: row(
    'operator',
    400,
    'An authenticator of the manifest cannot work.',
    'Fix the section `auth` at the place shown.',
  ),
  // Deploy.
  CORDON_ENTRY_MISSING: row(
    'operator',
    400,
    'The entry module of a function does not exist.',
    'Create the file or fix `entry`.',
  ),
  CORDON_BUNDLE_FAILED: row(
    'operator',
    400,
    'The code could not be bundled.',
    'Fix the error at the place shown.',
  ),
  CORDON_IMPORT_MISSING: row(
    'operator',
    400,
    'An import could not be resolved.',
    'Install the package or fix the path.',
  ),
  CORDON_BUNDLE_TOO_LARGE: row(
    'operator',
    413,
    'The bundle is larger than allowed.',
    'Import less or split the function.',
  ),
  CORDON_ARCHIVE_REFUSED: row(
    'operator',
    400,
    'The uploaded source archive is not acceptable.',
    'Deploy plain files below the app folder, without links.',
  ),
  CORDON_SOURCE_TOO_LARGE: row(
    'operator',
    413,
    'The uploaded source is larger than allowed.',
    'Import fewer or smaller files.',
  ),
  CORDON_HANDLER_INVALID: row(
    'operator',
    400,
    'The entry module does not export a usable handler.',
    'Export default an object with a `fetch` function, and with `queue`, `scheduled` or `event` for its sources.',
  ),
  CORDON_IMPORT_THREW: row(
    'operator',
    400,
    'The module threw an error while it was loaded.',
    'Fix the error at the place shown.',
  ),
  CORDON_CHECK_TIMEOUT: row(
    'operator',
    400,
    'The module did not finish loading in time.',
    'Do less work at the top level of the module.',
  ),
  CORDON_SOURCE_CONFLICT: row(
    'operator',
    409,
    'Another app already takes what comes from this queue or bucket.',
    'Use a queue or bucket of its own, or let one app have all of its consumers.',
  ),
  CORDON_ROUTE_CONFLICT: row(
    'operator',
    409,
    'Another app already serves this host, path and method.',
    'Change the route or give the app its own `hosts`.',
  ),
  CORDON_GRANT_UNUSED: row(
    'operator',
    400,
    'A grant allows what the code does not use.',
    'Remove it from cordon.jsonc, or say in `because` why it is needed; `cordon permissions --write` removes what is unused.',
  ),
  CORDON_GRANT_WILDCARD: row(
    'operator',
    400,
    'A grant allows hosts that it does not name.',
    'Name the hosts, or say in `because` why that cannot be done.',
  ),
  CORDON_APP_UNKNOWN: row(
    'operator',
    404,
    'There is no app with this name.',
    'List the apps with `cordon deploy --list`.',
  ),
  CORDON_FUNCTION_UNKNOWN: row(
    'operator',
    404,
    'The app has no function with this name.',
    'Check the name against cordon.jsonc.',
  ),
  CORDON_DEPLOYMENT_UNKNOWN: row(
    'operator',
    404,
    'There is no such deployment.',
    'List the deployments with `cordon rollback --list`.',
  ),
  CORDON_CANARY_INVALID: row(
    'operator',
    400,
    'The canary weight is not usable.',
    'Give a whole number of percent from 0 to 100.',
  ),
  // Control API.
  CORDON_TOKEN_MISSING: row(
    'operator',
    401,
    'The control API needs a token.',
    'Set CORDON_TOKEN or run `cordon up` on this machine.',
  ),
  CORDON_TOKEN_REFUSED: row(
    'operator',
    401,
    'The control API does not accept this token.',
    'Use the token that `cordon up` showed at its first start.',
  ),
  CORDON_INPUT_INVALID: row(
    'operator',
    400,
    'The input does not follow the schema of this operation.',
    'Fix the field that is named.',
  ),
  CORDON_OPERATION_UNKNOWN: row(
    'operator',
    404,
    'The control API has no such operation.',
    'See the OpenAPI document at /v1/openapi.json.',
  ),
  CORDON_ORIGIN_REFUSED: row(
    'operator',
    403,
    'The control API does not answer web pages.',
    'Use the `cordon` command or a program that sends no Origin header.',
  ),
  CORDON_CREDENTIALS_INVALID: row(
    'operator',
    400,
    'The credentials file cannot be used.',
    'Remove the file and start the server with `cordon up`, or set CORDON_URL and CORDON_TOKEN.',
  ),
  CORDON_SERVER_UNREACHABLE: row(
    'operator',
    503,
    'No Cordon server answers at this address.',
    'Start one with `cordon up`.',
  ),
  // Command line.
  CORDON_USAGE: row('operator', 400, 'The command line is not usable.', 'See `cordon --help`.'),
  CORDON_FILE_EXISTS: row(
    'operator',
    409,
    'A file is in the way, and Cordon does not overwrite files.',
    'Choose an empty folder or move the file away.',
  ),
  // Start and state.
  CORDON_PORT_TAKEN: row(
    'operator',
    500,
    'The port is used by another program.',
    'Stop that program or choose another port.',
  ),
  CORDON_ADDRESS_REFUSED: row(
    'operator',
    500,
    'The server cannot listen on this address.',
    'Choose an address of this machine; the control API listens on loopback only.',
  ),
  CORDON_PLAINTEXT_REFUSED: row(
    'operator',
    400,
    'The gateway would speak plain HTTP on an address that others can reach.',
    'Give --tls-cert and --tls-key, or --acme; or say --unsafe-plaintext where something else encrypts.',
  ),
  CORDON_TLS_UNREADABLE: row(
    'operator',
    400,
    'A file of a TLS certificate cannot be read.',
    'Check the path and the rights of the file.',
  ),
  CORDON_TLS_INVALID: row(
    'operator',
    400,
    'A TLS certificate and its key cannot be used.',
    'Give a PEM certificate chain, leaf first, and the unencrypted PEM key of that leaf.',
  ),
  CORDON_TLS_EXPIRED: row(
    'operator',
    400,
    'A TLS certificate is not valid at this time.',
    'Renew the certificate, and check the clock of this machine.',
  ),
  CORDON_ACME_FAILED: row(
    'operator',
    502,
    'A certificate could not be had from the ACME server.',
    'Check that the names resolve to this machine and that port 80 reaches it.',
  ),
  CORDON_DATA_UNWRITABLE: row(
    'operator',
    500,
    'The data folder cannot be written.',
    'Give the user that runs Cordon write access or choose another folder.',
  ),
  CORDON_DATA_EXPOSED: row(
    'operator',
    500,
    'Other users of this machine can write to the data folder.',
    'Run `chmod go-w` on the folder or choose another one.',
  ),
  CORDON_DATA_LOCKED: row(
    'operator',
    500,
    'Another server uses this data folder.',
    'Stop the other server or choose another folder.',
  ),
  CORDON_DATA_NEWER: row(
    'operator',
    500,
    'The data folder was written by a newer Cordon.',
    'Start the newer version.',
  ),
  CORDON_STORE_FULL: row('operator', 507, 'The disk of the data folder is full.', 'Free some space.'),
  CORDON_STORE_FAILED: row(
    'internal',
    500,
    'The store could not carry out an operation.',
    'Look at the cause in the server log.',
  ),
  CORDON_STORE_CONFLICT: row('internal', 409, 'The state changed in the meantime.', 'Try again.'),
  CORDON_OBJECT_MISSING: row('internal', 404, 'A stored object does not exist.', 'Deploy again.'),
  CORDON_OBJECT_CORRUPT: row(
    'internal',
    500,
    'A stored object does not match its hash.',
    'Deploy again and check the disk.',
  ),
  // Encryption at rest.
  CORDON_SEAL_BROKEN: row(
    'internal',
    500,
    'A sealed value was changed, cut, moved to another place or is of another project.',
    'Restore the value from a backup and look for who can write the data folder.',
  ),
  CORDON_SEAL_TOO_LARGE: row(
    'operator',
    413,
    'A value is larger than one seal may hold.',
    'Store it as an object, or in parts.',
  ),
  CORDON_KEY_MISSING: row(
    'operator',
    500,
    'The data key with which a value was sealed does not exist.',
    'Restore the store from a backup that holds the key.',
  ),
  CORDON_KEY_SHREDDED: row(
    'operator',
    410,
    'The keys of the project were destroyed, and its data with them.',
    'Use another project; what was sealed in this one is gone.',
  ),
  CORDON_KEY_UNAVAILABLE: row(
    'operator',
    503,
    'The source of the master key does not answer.',
    'Check that the key service or program can be reached, then try again.',
  ),
  CORDON_KEY_REFUSED: row(
    'operator',
    500,
    'The source of the master key refused to wrap or unwrap a data key.',
    'Start Cordon with the master key that wrapped the keys of this data folder, and check its permissions.',
  ),
  CORDON_KEY_INVALID: row(
    'operator',
    500,
    'The master key, or the settings of its source, cannot be used.',
    'Fix the setting that is named.',
  ),
  CORDON_KEY_EXPOSED: row(
    'operator',
    500,
    'Other users of this machine can read the master key.',
    'Run `chmod 600` on the file; if others may have read it, move to a new master key.',
  ),
  CORDON_KEY_ROTATING: row(
    'operator',
    409,
    'Keys are being rotated already.',
    'Wait until that has ended; the same command goes on with a rotation that was interrupted.',
  ),
  CORDON_RESEAL_INCOMPLETE: row(
    'operator',
    409,
    'Data may still need a data key that is retired.',
    'Finish resealing, wait for the grace time, then try again.',
  ),
  CORDON_COUNTERS_INVALID: row(
    'operator',
    500,
    'The settings of the counters that nodes share cannot be used.',
    'Give a `rediss://` URL, or `redis://` to this machine.',
  ),
  CORDON_SANDBOX_UNAVAILABLE: row(
    'operator',
    500,
    'This machine cannot make a sandbox.',
    'Run `cordon doctor` and follow it.',
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Facts for the operator: file, line, limit, rule. Never sent to the caller of a function. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error class of the host. `message` says what cannot be done, to what, because of what; `next`
 * says what to do about it. `cause` stays on the host.
 */
export class CordonError extends Error {
  override readonly name = 'CordonError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message?: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(
      message ?? ERRORS[code].summary,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.details = options.details ?? {};
  }

  get fault(): Fault {
    return ERRORS[this.code].fault;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get next(): string {
    return ERRORS[this.code].next;
  }
}

/** Turns whatever was thrown into a `CordonError`; what is not one becomes `CORDON_INTERNAL` with its cause. */
export function toCordonError(thrown: unknown): CordonError {
  if (thrown instanceof CordonError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CordonError('CORDON_INTERNAL', message, { cause: thrown });
}
