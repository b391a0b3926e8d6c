import { z } from 'zod';
import { CordonError } from '../../contract/index.ts';
import { ARCHIVE, operation, type OperationContext } from '../operation.ts';
import {
  appViewSchema,
  deploymentIdSchema,
  deploymentViewSchema,
  deployResultSchema,
  nameSchema,
  observedUseSchema,
  percentSchema,
  type AppView,
} from '../schema.ts';
import { appView, deploymentView } from '../views.ts';

const none = z.strictObject({});
const appParams = z.strictObject({ app: nameSchema });

function show({ services }: OperationContext, app: string): AppView {
  return appView(services.catalogue.app(app), services.gatewayUrl);
}

/** Turns the first digits of an id into the whole id. */
async function wholeId(context: OperationContext, app: string, start: string): Promise<string> {
  if (start.length === 64) return start;
  const found = (await context.services.catalogue.deployments(app)).filter(({ id }) => id.startsWith(start));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  const why = only === undefined ? 'no id of the app starts so' : 'several ids of the app start so';
  throw new CordonError(
    'CORDON_DEPLOYMENT_UNKNOWN',
    `Cannot find the deployment ${start} of ${app}: ${why}.`,
  );
}

export const APP_OPERATIONS = [
  operation({
    id: 'deploy',
    method: 'POST',
    path: '/v1/apps/{app}/deployments',
    summary: 'Builds, checks and publishes the source of an app.',
    params: appParams,
    query: z.strictObject({ canary: percentSchema.optional() }),
    body: ARCHIVE,
    response: deployResultSchema,
    status: 201,
    async handler(context, { params, query, body }) {
      const { deployer, gatewayUrl } = context.services;
      const outcome = await deployer.deploy(params.app, body, { canary: query.canary ?? null });
      return {
        deployment: deploymentView(outcome.deployment, outcome.alias, gatewayUrl),
        app: show(context, params.app),
        unchanged: outcome.unchanged,
        steps: outcome.steps.map(({ name, ms }) => ({ name, ms })),
        warnings: [...outcome.warnings],
      };
    },
  }),
  operation({
    id: 'listApps',
    method: 'GET',
    path: '/v1/apps',
    summary: 'Lists the apps with what they serve.',
    params: none,
    query: none,
    body: null,
    response: z.object({ apps: z.array(appViewSchema) }),
    async handler(context) {
      const { catalogue, gatewayUrl } = context.services;
      return { apps: catalogue.apps().map((app) => appView(app, gatewayUrl)) };
    },
  }),
  operation({
    id: 'getApp',
    method: 'GET',
    path: '/v1/apps/{app}',
    summary: 'Shows one app.',
    params: appParams,
    query: none,
    body: null,
    response: appViewSchema,
    async handler(context, { params }) {
      return show(context, params.app);
    },
  }),
  operation({
    id: 'listDeployments',
    method: 'GET',
    path: '/v1/apps/{app}/deployments',
    summary: 'Lists the deployments of an app, newest first.',
    params: appParams,
    query: none,
    body: null,
    response: z.object({ deployments: z.array(deploymentViewSchema) }),
    async handler(context, { params }) {
      const { catalogue, gatewayUrl } = context.services;
      const { alias } = catalogue.app(params.app);
      const deployments = await catalogue.deployments(params.app);
      return { deployments: deployments.map((deployment) => deploymentView(deployment, alias, gatewayUrl)) };
    },
  }),
  operation({
    id: 'rollback',
    method: 'POST',
    path: '/v1/apps/{app}/rollback',
    summary: 'Makes an earlier deployment live.',
    params: appParams,
    query: none,
    body: z.strictObject({ to: deploymentIdSchema.optional().describe('Default: what was live before.') }),
    response: appViewSchema,
    async handler(context, { params, body }) {
      const to = body.to === undefined ? null : await wholeId(context, params.app, body.to);
      await context.services.catalogue.rollback(params.app, to);
      return show(context, params.app);
    },
  }),
  operation({
    id: 'setCanary',
    method: 'PUT',
    path: '/v1/apps/{app}/canary',
    summary: 'Sends a share of the requests to another deployment.',
    params: appParams,
    query: none,
    body: z.strictObject({ deployment: deploymentIdSchema, percent: z.int().min(0).max(100) }),
    response: appViewSchema,
    async handler(context, { params, body }) {
      const id = await wholeId(context, params.app, body.deployment);
      await context.services.catalogue.setCanary(params.app, id, body.percent);
      return show(context, params.app);
    },
  }),
  operation({
    id: 'clearCanary',
    method: 'DELETE',
    path: '/v1/apps/{app}/canary',
    summary: 'Sends all requests to the live deployment again.',
    params: appParams,
    query: none,
    body: null,
    response: appViewSchema,
    async handler(context, { params }) {
      await context.services.catalogue.clearCanary(params.app);
      return show(context, params.app);
    },
  }),
  operation({
    id: 'promoteCanary',
    method: 'POST',
    path: '/v1/apps/{app}/canary/promote',
    summary: 'Makes the canary live.',
    params: appParams,
    query: none,
    body: null,
    response: appViewSchema,
    async handler(context, { params }) {
      await context.services.catalogue.promoteCanary(params.app);
      return show(context, params.app);
    },
  }),
  operation({
    id: 'listUses',
    method: 'GET',
    path: '/v1/apps/{app}/uses',
    summary: 'Lists what the functions of an app were seen to use since the server started.',
    params: appParams,
    query: none,
    body: null,
    response: z.object({ uses: z.array(observedUseSchema) }),
    async handler({ services }, { params }) {
      services.catalogue.app(params.app);
      return { uses: services.observed(params.app).map(({ app: _app, ...use }) => use) };
    },
  }),
] as const;
