import { join } from 'node:path';
import { z } from 'zod';
import { CordonError, Secret } from '../contract/index.ts';
import { openMasterKeyFile } from '../secrets/index.ts';
import type { MasterKeyFile } from '../secrets/index.ts';
import type { Store } from '../store/index.ts';
import {
  awsKeyWrapper,
  commandKeyWrapper,
  takeEnvironmentKeyWrapper,
  transitKeyWrapper,
} from '../vault/index.ts';
import type { KeyWrapper } from '../vault/index.ts';

const FILE = 'master.key';

/** The master key of a server, and the file that Cordon may exchange where it is one. */
export interface MasterKey {
  readonly wrapper: KeyWrapper;
  readonly previousWrappers: readonly KeyWrapper[];
  readonly file: MasterKeyFile | null;
}

/** The environment of a process, as Node has it. */
export type Environment = Record<string, string | undefined>;

const command = z.array(z.string()).min(1);

/**
 * Where the master key is, by the environment; without a word there, a file in the data folder, which is made
 * only while nothing is sealed:
 *
 * - `CORDON_MASTER_KEY`: the key itself, base64; taken out of the environment.
 * - `CORDON_MASTER_KEY_COMMAND`: a JSON array, program and arguments, that wraps and unwraps.
 * - `CORDON_MASTER_KEY_TRANSIT`: name of a key of HashiCorp Vault at `VAULT_ADDR`, with `VAULT_TOKEN`.
 * - `CORDON_MASTER_KEY_AWS`: id of an AWS KMS key, with `AWS_REGION` and the usual AWS credentials.
 *
 * Errors: CORDON_KEY_INVALID, CORDON_KEY_REFUSED.
 */
export async function openMasterKey(
  store: Store,
  folder: string,
  environment: Environment,
): Promise<MasterKey> {
  const wrapper = fromEnvironment(environment);
  if (wrapper !== null) return { wrapper, previousWrappers: [], file: null };
  const [row] = await store.query<{ keys: number }>({
    sql: 'SELECT count(*) AS keys FROM data_keys',
    parameters: [],
  });
  const file = openMasterKeyFile({ path: join(folder, FILE), create: Number(row?.keys ?? 0) === 0 });
  return { wrapper: file.wrapper, previousWrappers: file.previousWrappers, file };
}

function fromEnvironment(environment: Environment): KeyWrapper | null {
  if (environment['CORDON_MASTER_KEY'] !== undefined) return takeEnvironmentKeyWrapper(environment);
  const text = environment['CORDON_MASTER_KEY_COMMAND'];
  if (text !== undefined) return fromCommand(text);
  const transit = environment['CORDON_MASTER_KEY_TRANSIT'];
  if (transit !== undefined) {
    const address = required(environment, 'VAULT_ADDR');
    return transitKeyWrapper({
      address,
      key: transit,
      token: () => new Secret(required(environment, 'VAULT_TOKEN')),
    });
  }
  const aws = environment['CORDON_MASTER_KEY_AWS'];
  if (aws === undefined) return null;
  const endpoint = environment['CORDON_MASTER_KEY_AWS_ENDPOINT'];
  return awsKeyWrapper({
    keyId: aws,
    region: required(environment, 'AWS_REGION'),
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: () => awsCredentials(environment),
  });
}

function fromCommand(text: string): KeyWrapper {
  const parsed = command.safeParse(parseJson(text));
  const [program, ...rest] = parsed.success ? parsed.data : [];
  if (program === undefined) {
    const message = 'CORDON_MASTER_KEY_COMMAND is not a JSON array of a program and its arguments.';
    throw new CordonError('CORDON_KEY_INVALID', message);
  }
  return commandKeyWrapper({ name: program, program, arguments: rest });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function awsCredentials(environment: Environment) {
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  return {
    accessKeyId: required(environment, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: new Secret(required(environment, 'AWS_SECRET_ACCESS_KEY')),
    ...(sessionToken === undefined ? {} : { sessionToken: new Secret(sessionToken) }),
  };
}

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new CordonError('CORDON_KEY_INVALID', `The master key needs the variable ${name}, which is not set.`);
}
