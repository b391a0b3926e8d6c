import type { Problem, RouteValidator } from '../../validation/index.ts';
import { Refusal } from './refusal.ts';
import { pathParameters } from '../routing/router.ts';
import type { Authorized, Outcome, Validated } from './stages.ts';

/** Methods whose requests mean the same with and without a body (RFC 9110 section 9.3); a schema asks for none. */
const BODYLESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/**
 * Fifth stage: whether what is sent follows the content types and schemas of the route. The head is judged
 * before any of the body is read; a body that is checked is read as a whole, within its limits.
 */
export function validate(authorized: Authorized): Outcome<Validated> {
  const { guard, target, head, match } = authorized;
  const { validator } = guard;
  if (validator === null) return authorized as Validated;
  const hasBody = head.chunked || (head.contentLength ?? 0) > 0;
  if (!validator.takesContent(hasBody, head.fields)) {
    return new Refusal('CORDON_CONTENT_TYPE_REFUSED', 'content type', {
      event: 'request.invalid',
      headers: ['accept', validator.accept],
    });
  }
  const params = pathParameters(match.pattern, target.segments);
  const problems = validator.checkHead({ search: target.search, params, fields: head.fields });
  if (problems !== null) return invalid(problems);
  const needsBody = validator.needsBody && (hasBody || !BODYLESS.has(target.method));
  return needsBody ? validateBody(authorized, validator) : (authorized as Validated);
}

async function validateBody(authorized: Authorized, validator: RouteValidator): Promise<Validated | Refusal> {
  const { match } = authorized;
  const bytesMax = Math.min(match.fn.spec.limits.bodyBytes, validator.bodyBytesMax);
  const body = await authorized.body.collect(bytesMax);
  if (body instanceof Refusal) return body;
  const problems = validator.checkBody(body);
  return problems === null ? (authorized as Validated) : invalid(problems);
}

/** The caller is told where it is wrong, by which keyword, and nothing else. */
function invalid(problems: readonly Problem[]): Refusal {
  const rule = problems.map((problem) => `${problem.in}${problem.pointer} ${problem.keyword}`).join(', ');
  return new Refusal('CORDON_REQUEST_INVALID', rule, { event: 'request.invalid', details: { problems } });
}
