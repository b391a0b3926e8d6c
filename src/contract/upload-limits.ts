import type { LimitRow } from './limit.ts';

/** The bounds of uploads, their inspection and the S3 endpoint; a part of `LIMITS`. */
export const UPLOAD_LIMITS = {} as const satisfies Record<string, LimitRow>;
