/**
 * Collects the source of an app for a deploy: the manifest, the files that its functions import, and what
 * decides how those resolve. It runs on the developer's machine and loads nothing of the server; it never
 * runs code of the app. Refuses imports that lead outside of the app and the packages of its workspace.
 */
export { collect, createCollector } from './collect.ts';
export type { Collected, Collector } from './collect.ts';
export { bundleReadable } from './readable.ts';
export type { ReadableBundle } from './readable.ts';
