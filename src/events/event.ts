/** Value of a CloudEvents attribute as Cordon keeps it (CloudEvents 1.0, section 3: String, Integer, Boolean). */
export type AttributeValue = string | number | boolean;

/**
 * One CloudEvent (CloudEvents 1.0.2). Context attributes by name, all lower-case: `id`, `source`, `type` and
 * `specversion` are always there, `time`, `subject`, `datacontenttype` and `dataschema` may be, others are
 * extensions. Those that start with `cordon` are the platform's; nobody outside can set them.
 */
export interface CloudEvent {
  readonly attributes: Readonly<Record<string, AttributeValue>> & {
    readonly specversion: '1.0';
    readonly id: string;
    readonly source: string;
    readonly type: string;
  };
  /** Null: the event has no data. */
  readonly data: Uint8Array | null;
}
