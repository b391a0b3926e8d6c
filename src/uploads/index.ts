/**
 * Uploads: what an object has to pass before it is seen in a bucket that functions listen to. Promises: it becomes
 * visible together with its events or not at all; what was rejected is kept aside, out of reach of functions and
 * clients. An object that cannot be checked is refused.
 */
export { UploadAdmission } from './upload-admission.ts';
export type { UploadAdmissionOptions } from './upload-admission.ts';
