/**
 * Turns source into deployments: unpacks, bundles in a sandbox, checks in a sandbox, stores by content and
 * switches what an app serves in one commit. Refuses archives that are more than plain files, imports that
 * lead outside of the app, grants that the code does not use, bundles that do not load, and routes that another
 * app serves. No code of an app
 * ever runs on the host.
 */
export { createDeployer } from './deploy.ts';
export type { Deployer, DeployerOptions, DeployResult } from './deploy.ts';
export { Catalogue } from './catalogue.ts';
export type { CatalogueOptions, FindConflicts, RouteClash, ServedApp } from './catalogue.ts';
export { deploymentPlaces } from './deployments.ts';
export { mapStack } from './source-places.ts';
export { stagingFolderFor } from './staging.ts';
export type { BuildProblem } from './build-errors.ts';
export type { GrantProblem } from './grant-gate.ts';
export type {
  Alias,
  BundleCheck,
  BundleChecker,
  DeployedFunction,
  Deployment,
  FunctionRef,
  GrantGateOptions,
  RouteCheck,
} from './port.ts';
