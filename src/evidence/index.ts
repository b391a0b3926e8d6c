/**
 * What happened: log lines and security events. Promises: logging never throws and never waits; what code
 * writes cannot pass for what the platform says, nor act on a terminal; a flood or a failing store costs
 * bounded memory, and what was lost is counted and said; what a line or an event tells is sealed at rest, and
 * a row that was changed or moved says that it cannot be opened.
 */
export { createEvidence } from './evidence.ts';
export type { EvidenceOptions } from './evidence.ts';
export { evidencePlaces } from './evidence-tables.ts';
export { plainText } from './plain-text.ts';
export { createServerLog } from './server-log.ts';
export type { ServerLog, ServerLogOptions } from './server-log.ts';
export type { Evidence, LogLevel, LogLine, LogQuery, SecurityEvent, SecurityEventKind } from './port.ts';
