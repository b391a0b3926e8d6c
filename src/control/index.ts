/**
 * The control API: how an operator deploys, rolls back, invokes and reads the evidence. It promises that
 * one table says what there is, for the listener, the OpenAPI document and the client alike; that it
 * listens on loopback only; that a web page cannot reach it; and that every refusal is recorded. It
 * refuses whatever carries no token that the store knows, and input that its schemas do not name.
 */
export { createControlServer } from './server.ts';
export type { ControlServer, ControlServerOptions } from './server.ts';
export { ensureFirstToken, isTokenForm, newToken, replaceFirstToken, verifyToken } from './tokens.ts';
export { openApiDocument } from './openapi.ts';
export type { ControlApi } from './table.ts';
export { PROJECT } from './project.ts';
export { KeyRotation } from './key-rotation.ts';
export type { KeyRotationOptions, MasterKeyChange } from './key-rotation.ts';
export type {
  ControlAccessKeys,
  ControlApiKeys,
  ControlCatalogue,
  ControlDeployer,
  ControlEvents,
  ControlKeys,
  ControlRejectedObjects,
  ControlSecrets,
  ControlServices,
  DeployOutcome,
  ExplainedRequest,
  ServedApp,
} from './port.ts';
export type {
  AppView,
  DeploymentView,
  ErrorBody,
  FunctionView,
  KeyRotationView,
  LogLineView,
  ObservedUseView,
  SecretView,
  SecurityEventView,
  ServerStatus,
} from './schema.ts';
