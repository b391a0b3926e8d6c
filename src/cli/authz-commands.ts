import { claim, jsonObject, listed } from './option-values.ts';
import type { Branch } from './program.ts';

/** The commands about who may do what. */
export function addAuthorizing({ group }: Branch): void {
  const authz = group('authz', 'Explain and check the policies of an app.', [
    'cordon authz check',
    'cordon authz explain shop /orders/17 --subject ana',
  ]);
  const load = async () => import('./commands/authz.ts');
  authz
    .add(
      'explain',
      'Say what the policies decide about a request.',
      async () => (await load()).explainAuthz,
      [
        'cordon authz explain shop /orders/17 --subject ana --claim level=3',
        'cordon authz explain shop /orders/17 -X DELETE --subject bob --resource \'{"owner":"ana"}\'',
      ],
    )
    .argument('<app>', 'name of the app')
    .argument('<path>', 'path of the request')
    .option('-X, --method <method>', 'HTTP method (default: GET)')
    .option('--auth <kind:name>', 'authenticator of the caller (default: the one of the route)')
    .option('--subject <name>', 'name of the caller')
    .option('--scope <scope>', 'scope of the caller; may be repeated', listed)
    .option('--claim <name=value>', 'claim of the caller; may be repeated, a list by the same name', claim)
    .option(
      '--resource <json>',
      'attributes of what it is about (default: those that are stored)',
      jsonObject,
    )
    .option('--address <address>', 'address of the caller (default: 127.0.0.1)')
    .option('--insecure', 'not over TLS')
    .option('--host <host>', 'host name of the request (default: one of the app)');
  authz
    .add('check', 'Validate the policies of an app.', async () => (await load()).checkPolicies, [
      'cordon authz check',
      'cordon authz check ./shop --json',
    ])
    .argument('[dir]', 'folder with cordon.jsonc', '.');
  authz
    .add('schema', 'Print what policies may ask for.', async () => (await load()).printSchema, [
      'cordon authz schema',
      'cordon authz schema ./shop > shop.cedarschema',
    ])
    .argument('[dir]', 'folder with cordon.jsonc', '.');
}
