import { CordonError, newId } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { GuestCall } from '../instance/index.ts';
import type { CallerContext } from './port.ts';

const DEPLOYMENT_CHARACTERS = 12;
/** Codes whose messages are written for guests. */
const FOR_GUESTS = /^CORDON_(?:KV|BUCKET|QUEUE|SERVICE|PIPE|EVENTS?|CALL|CURSOR|EGRESS|SECRET)_/;
/** Codes that a guest may know; their messages may name places of this machine, so it gets the summary. */
const SUMMARY_ONLY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CORDON_STORE_FULL',
  'CORDON_STORE_CONFLICT',
  'CORDON_OVERLOADED',
  'CORDON_KEY_UNAVAILABLE',
  'CORDON_KEY_SHREDDED',
  'CORDON_UPLOAD_NAME_REFUSED',
  'CORDON_UPLOAD_TYPE_REFUSED',
  'CORDON_UPLOAD_TOO_LARGE',
  'CORDON_UPLOAD_ARCHIVE_REFUSED',
  'CORDON_UPLOAD_MALWARE',
  'CORDON_UPLOAD_UNCHECKED',
]);

/** Turns whatever a capability threw into what its guest may see; the rest is logged under an id. */
export function explainTo(
  evidence: Evidence,
  context: CallerContext,
  call: GuestCall,
): (thrown: unknown) => CordonError {
  return (thrown) => {
    if (thrown instanceof CordonError) {
      if (FOR_GUESTS.test(thrown.code)) return thrown;
      if (SUMMARY_ONLY.has(thrown.code)) return new CordonError(thrown.code, undefined, { cause: thrown });
    }
    const id = newId('evt');
    const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    const { app, function: name, deployment, instance } = context;
    evidence.log({
      level: 'error',
      source: 'platform',
      app,
      function: name,
      deployment: deployment.slice(0, DEPLOYMENT_CHARACTERS),
      instance,
      request: call.request,
      message: `${call.capability} ${call.operation} failed (${id}): ${reason}`,
    });
    return new CordonError('CORDON_INTERNAL', `The call failed inside Cordon (${id}).`, { cause: thrown });
  };
}
