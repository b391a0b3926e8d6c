/**
 * The interfaces of what handlers of events get, as `cordon types` writes them, by the handler. Those of `queue` and
 * `scheduled` follow the types of Workers.
 */
export const EVENT_TYPES = {
  queue: `
  /** First argument of \`queue\`. */
  interface MessageBatch<Body = unknown> {
    readonly queue: string;
    readonly messages: readonly Message<Body>[];
    ackAll(): void;
    retryAll(options?: { delaySeconds?: number }): void;
  }
  interface Message<Body = unknown> {
    readonly id: string;
    readonly timestamp: Date;
    readonly body: Body;
    readonly attempts: number;
    ack(): void;
    retry(options?: { delaySeconds?: number }): void;
  }`,
  scheduled: `
  /** First argument of \`scheduled\`. */
  interface ScheduledController {
    readonly type: 'scheduled';
    readonly cron: string;
    readonly scheduledTime: number;
    noRetry(): void;
  }`,
  event: `
  /** First argument of \`event\`: a CloudEvent with its attributes as properties. */
  interface CloudEvent {
    readonly specversion: '1.0';
    readonly id: string;
    readonly source: string;
    readonly type: string;
    readonly time?: string;
    readonly subject?: string;
    readonly datacontenttype?: string;
    readonly dataschema?: string;
    readonly attributes: Readonly<Record<string, string | number | boolean>>;
    readonly data: unknown;
    bytes(): Uint8Array<ArrayBuffer>;
    text(): string;
    json(): unknown;
  }`,
} as const;
