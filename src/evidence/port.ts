export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A log line. Everything but `message` is made by the platform and cannot be forged by a guest. */
export interface LogLine {
  /** Milliseconds since the epoch, host clock. */
  readonly time: number;
  readonly level: LogLevel;
  /** Who wrote `message`: the platform, or the function's code. */
  readonly source: 'platform' | 'function';
  readonly app: string;
  readonly function: string;
  /** First 12 characters of the deployment's hash. */
  readonly deployment: string;
  /** Null while no instance is involved. */
  readonly instance: string | null;
  readonly request: string | null;
  /** Control characters escaped; at most `logLineBytesMax` bytes. */
  readonly message: string;
}

export interface LogQuery {
  readonly app?: string;
  readonly function?: string;
  readonly request?: string;
  readonly instance?: string;
  /** Rows after this sequence number. */
  readonly after?: number;
  /** Default 100, at most 1,000. */
  readonly limit?: number;
}

/** Something refused or broken that an operator may have to look at. */
export type SecurityEventKind =
  | 'request.malformed'
  | 'request.target_refused'
  | 'auth.failed'
  | 'auth.stuffing'
  | 'access.denied'
  | 'request.invalid'
  | 'limit.exceeded'
  | 'sandbox.syscall'
  | 'sandbox.memory'
  | 'sandbox.timeout'
  | 'sandbox.escape_attempt'
  | 'channel.violation'
  | 'control.refused'
  | 'grant.denied'
  | 'deploy.refused'
  | 'event.dead'
  | 'event.forged'
  | 'event.loop'
  | 'event.refused'
  | 'upload.rejected'
  | 'platform.unsafe'
  | 'platform.degraded';

export interface SecurityEvent {
  readonly time: number;
  readonly kind: SecurityEventKind;
  readonly severity: 'info' | 'low' | 'medium' | 'high';
  readonly app: string | null;
  readonly function: string | null;
  readonly instance: string | null;
  readonly request: string | null;
  /** Error code or rule that decided. */
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Where evidence goes. `log` and `record` never throw and never block the request path. */
export interface Evidence {
  log(line: Omit<LogLine, 'time'> & { readonly time?: number }): void;
  record(event: Omit<SecurityEvent, 'time'>): void;
  logs(query: LogQuery): Promise<(LogLine & { readonly sequence: number })[]>;
  events(query: {
    readonly after?: number;
    readonly limit?: number;
    readonly kind?: SecurityEventKind;
  }): Promise<(SecurityEvent & { readonly sequence: number })[]>;
  /** Calls back for each new log line until the returned function is called. */
  follow(listener: (line: LogLine & { readonly sequence: number }) => void): () => void;
  /** Resolves when everything logged so far is durable. */
  flush(): Promise<void>;
}
