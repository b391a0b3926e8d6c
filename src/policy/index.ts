/**
 * Authorization by Cedar policies. It promises that policies are validated strictly before they serve, against
 * the actions of exactly the routes that use them; that no more than the policies of a route is asked; that
 * forbid wins, that what nothing permits is denied, and that any error denies, in whichever policy. It refuses
 * templates, policies that cannot apply, and policies that are larger than Cedar's stack. What a caller sent
 * reaches a policy as a value with a type, and is never text of one.
 */
export { checkPolicies } from './check.ts';
export { compilePolicies, denyAll } from './compile.ts';
export { policySchema, policySchemaText } from './schema.ts';
export type { PolicySchema } from './schema.ts';
export { resolveResource } from './resource.ts';
export { explainRequest } from './explain.ts';
export type { DescribedCaller, DescribedRequest } from './explain.ts';
export type { PolicyProblem } from './problem.ts';
export type {
  PolicyDecision,
  PolicyExplanation,
  PolicyReason,
  PolicyRequest,
  PolicySets,
  PolicyText,
  ResolvedResource,
  ResourceLookup,
} from './port.ts';
