export { WebhookAuthenticator } from './webhook-authenticator.ts';
export type { WebhookOptions } from './webhook-authenticator.ts';
