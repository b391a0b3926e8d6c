export * from './store.js';
export { default as settings } from './settings.js';
