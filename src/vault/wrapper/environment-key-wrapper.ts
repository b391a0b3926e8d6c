import { CordonError } from '../../contract/index.ts';
import type { KeyWrapper } from '../port.ts';
import { LocalKeyWrapper, parseMasterKey } from './local-key-wrapper.ts';

const VARIABLE = 'CORDON_MASTER_KEY';

/**
 * The master key in `CORDON_MASTER_KEY`, base64 of 32 bytes (`openssl rand -base64 32`). It is removed from
 * `environment`, so that programs that Cordon starts do not inherit it.
 * Errors: CORDON_KEY_INVALID when it is missing or no such key.
 */
export function takeEnvironmentKeyWrapper(environment: Record<string, string | undefined>): KeyWrapper {
  const text = environment[VARIABLE];
  if (text === undefined) throw new CordonError('CORDON_KEY_INVALID', `Cannot find ${VARIABLE}.`);
  Reflect.deleteProperty(environment, VARIABLE);
  return new LocalKeyWrapper('environment', parseMasterKey(text, VARIABLE));
}
