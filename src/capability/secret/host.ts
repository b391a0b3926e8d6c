import { CordonError } from '../../contract/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type { GuestCall } from '../../instance/index.ts';
import { explainTo } from '../explain.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import type { SecretSource } from './port.ts';

const RESOURCE_LENGTH_MAX = 256;

/** Gives the value of a secret to code whose grant says `reveal`. Everything else works with handles. */
export function createSecretCapability(options: {
  readonly secrets: SecretSource;
  readonly evidence: Evidence;
}): Capability {
  return {
    name: 'secret',
    decide,
    serve: (context, call, reply) =>
      serveSession(reply, explainTo(options.evidence, context, call), async (session) => {
        const name = context.grants.secret[call.binding]?.secret ?? '';
        const value = await options.secrets.get(context.project, name);
        if (value === null) throw missingSecret(name);
        session.answer(value);
      }),
  };
}

function decide({ grants }: CallerContext, { binding, operation }: GuestCall): Decision {
  const grant = Object.hasOwn(grants.secret, binding) ? grants.secret[binding] : undefined;
  const path = `grants.secret.${binding}`.slice(0, RESOURCE_LENGTH_MAX);
  if (grant === undefined) {
    const resource = `secret:${binding}`.slice(0, RESOURCE_LENGTH_MAX);
    return { outcome: 'deny', resource, rule: 'grant.missing', hint: '' };
  }
  const resource = `secret:${grant.secret}`;
  if (operation !== 'reveal') return { outcome: 'deny', resource, rule: 'operation.unknown', hint: '' };
  if (grant.reveal === true) return { outcome: 'allow', resource, rule: path, hint: '' };
  const hint = `${path}: ${JSON.stringify({ secret: grant.secret, reveal: true })}`;
  return { outcome: 'deny', resource, rule: 'secret.reveal', hint };
}

export function missingSecret(name: string): CordonError {
  return new CordonError('CORDON_SECRET_MISSING', `The secret ${name} has no value in this project.`, {
    details: { secret: name },
  });
}
