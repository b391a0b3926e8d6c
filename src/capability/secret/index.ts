/**
 * Secrets: code holds a handle, the host holds the value. The value goes to granted destinations only, and
 * is taken out of what they answer. Code whose grant says `reveal` gets the value.
 */
export { createSecretCapability, missingSecret } from './host.ts';
export { secretVariables } from './variables.ts';
export { HANDLE_PREFIX, SecretHandles } from './handles.ts';
export type { HandleOwner } from './handles.ts';
export { createRedactor } from './redactor.ts';
export type { RedactionStream, Redactor } from './redactor.ts';
export { fillTemplate, referencesOf } from './template.ts';
export type { SecretSource } from './port.ts';
