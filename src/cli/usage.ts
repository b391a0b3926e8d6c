import { CordonError } from '../contract/index.ts';

/** An error of the command line, with what to write in its place. */
export function usage(message: string, next: string): CordonError {
  return new CordonError('CORDON_USAGE', message, { details: { next } });
}
