/**
 * Inspection of what is uploaded: what it is by its bytes, whether its name and declared type say the same,
 * whether it is also something else, and what an archive would unpack to. It promises that no byte of it is
 * parsed in the server’s own process, and that what cannot be told is refused, not passed.
 */
export { clamdScanner, isClamdInstalled } from './clamd.ts';
export type { ClamdOptions } from './clamd.ts';
export { Inspector } from './inspector.ts';
export type { InspectorOptions } from './inspector.ts';
export type { InspectedObject, RejectReason, UploadRules, Verdict } from './port.ts';
export type { InspectionRoom, InspectionTask } from './room.ts';
export type { Scanner } from './scanner.ts';
