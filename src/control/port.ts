import type { ObservedUse } from '../broker/index.ts';
import type { RejectedObjects } from '../capability/index.ts';
import type { Secret } from '../contract/index.ts';
import type { Alias, Deployment, FunctionRef } from '../deploy/index.ts';
import type { DeliveryStatus } from '../delivery/index.ts';
import type { EventLog } from '../events/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { AccessKeyInfo, ApiKeyInfo, NewAccessKey, NewApiKey } from '../identity/index.ts';
import type { DescribedRequest, PolicyExplanation } from '../policy/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import type { AccessSigner } from '../s3/index.ts';
import type { SecretInfo } from '../secrets/index.ts';
import type { KeyRotationView, ServerStatus } from './schema.ts';

/** What a deploy did. */
export interface DeployOutcome {
  readonly deployment: Deployment;
  readonly alias: Alias;
  /** True when the app already served exactly this deployment. */
  readonly unchanged: boolean;
  /** What was done, in order, with the time that each took. */
  readonly steps: readonly { readonly name: string; /** Milliseconds. */ readonly ms: number }[];
  /** What the operator should know and nothing refused. */
  readonly warnings: readonly string[];
}

/** Turns source into deployments. */
export interface ControlDeployer {
  /**
   * Builds, checks and publishes the source in a tar archive for `app`.
   * `canary`: percent of the requests for the new deployment; null makes it live.
   * Errors: all of the manifest and deploy codes.
   */
  deploy(
    app: string,
    archive: Uint8Array,
    options: { readonly canary: number | null },
  ): Promise<DeployOutcome>;
}

/** An app with the deployment that is live. */
export interface ServedApp {
  readonly alias: Alias;
  readonly live: Deployment;
}

/** Knows the apps and moves their aliases. Where there is no such app: CORDON_APP_UNKNOWN. */
export interface ControlCatalogue {
  /** By name. */
  apps(): readonly ServedApp[];
  app(name: string): ServedApp;
  /** Newest first. */
  deployments(app: string): Promise<readonly Deployment[]>;
  /** Makes `to`, a whole id, live, or the previous deployment for null. Errors: CORDON_DEPLOYMENT_UNKNOWN. */
  rollback(app: string, to: string | null): Promise<Alias>;
  /** Errors: CORDON_DEPLOYMENT_UNKNOWN, CORDON_CANARY_INVALID. */
  setCanary(app: string, deployment: string, percent: number): Promise<Alias>;
  clearCanary(app: string): Promise<Alias>;
  /** Makes the canary live. Errors: CORDON_CANARY_INVALID where there is none. */
  promoteCanary(app: string): Promise<Alias>;
}

/** The secrets of projects. Values go in and never come out. */
export interface ControlSecrets {
  /** Errors: CORDON_SECRET_INVALID. */
  set(project: string, name: string, value: Secret): Promise<SecretInfo>;
  /** By name. */
  list(project: string): Promise<readonly SecretInfo[]>;
  /** Errors: CORDON_SECRET_UNKNOWN. */
  delete(project: string, name: string): Promise<void>;
}

/** The API keys of apps. The text of a key comes out once, when it is made. */
export interface ControlApiKeys {
  /** Errors: CORDON_API_KEY_INVALID. */
  create(wanted: NewApiKey): Promise<{ readonly info: ApiKeyInfo; readonly key: Secret }>;
  /** Oldest first; of all apps for null. */
  list(project: string, app: string | null): readonly ApiKeyInfo[];
  /** Errors: CORDON_API_KEY_UNKNOWN. */
  revoke(project: string, id: string): Promise<ApiKeyInfo>;
}

/** The access keys with which clients of S3 sign. The secret of a key comes out once, when it is made. */
export interface ControlAccessKeys {
  /** Errors: CORDON_ACCESS_KEY_INVALID. */
  create(wanted: NewAccessKey): Promise<{ readonly info: AccessKeyInfo; readonly secret: Secret }>;
  /** Oldest first. */
  list(project: string): readonly AccessKeyInfo[];
  /** Errors: CORDON_ACCESS_KEY_UNKNOWN. */
  revoke(project: string, id: string): Promise<AccessKeyInfo>;
}

/** What operators do with the events that wait, and with those that nobody could take. */
export type ControlEvents = Pick<EventLog, 'list' | 'lanes' | 'show' | 'replay' | 'drop'>;

/** Objects that inspection did not let into their bucket. */
export type ControlRejectedObjects = Pick<RejectedObjects, 'list' | 'find' | 'read' | 'delete'>;

/** Rotates keys in the background, one rotation at a time. */
export interface ControlKeys {
  /** Starts a rotation, or goes on with one of the same kind. Errors: CORDON_KEY_ROTATING, CORDON_KEY_INVALID. */
  start(kind: 'data' | 'master'): Promise<KeyRotationView>;
  status(): Promise<KeyRotationView>;
}

/** A request that nobody has sent, for an app. */
export interface ExplainedRequest extends DescribedRequest {
  /** As in a request target, without a query. */
  readonly path: string;
  /** Without port; null for one of the app. */
  readonly host: string | null;
}

/** All that the operations of the control API work with. The composition root makes it. */
export interface ControlServices {
  readonly deployer: ControlDeployer;
  readonly catalogue: ControlCatalogue;
  readonly evidence: Evidence;
  readonly dispatcher: Dispatcher;
  readonly secrets: ControlSecrets;
  readonly keys: ControlKeys;
  readonly apiKeys: ControlApiKeys;
  readonly accessKeys: ControlAccessKeys;
  readonly accessSigner: Pick<AccessSigner, 'presign' | 'postForm'>;
  readonly events: ControlEvents;
  /** What is being delivered. */
  delivery(): Promise<DeliveryStatus>;
  readonly rejectedObjects: ControlRejectedObjects;
  /** What the functions of an app were seen to use since the server started. */
  observed(app: string): readonly ObservedUse[];
  /** Base URL of the gateway, without a slash at the end; routes are shown below it. */
  readonly gatewayUrl: string;
  /** The function that a request would reach; null where no route matches. `host` without port. */
  findRoute(method: string, host: string, path: string): FunctionRef | null;
  /**
   * What the policies of an app's live deployment decide about a described request.
   * Errors: CORDON_APP_UNKNOWN, CORDON_ROUTE_UNKNOWN, CORDON_INPUT_INVALID where the route has no policies.
   */
  explain(app: string, request: ExplainedRequest): Promise<PolicyExplanation>;
  status(): Promise<ServerStatus>;
}
