import { CordonError } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { scopeAllows } from '../../identity/index.ts';
import type { AccessKey, AccessKeyStore, AccessOperation } from '../../identity/index.ts';
import { signPostPolicy } from './post-policy.ts';
import type { PostPolicyField, PostPolicySigning } from './post-policy.ts';
import { presign } from './presign.ts';
import type { Presigning } from './presign.ts';

const OPERATION_BY_METHOD: Readonly<Record<Presigning['method'], AccessOperation>> = {
  GET: 'get',
  HEAD: 'get',
  PUT: 'put',
  DELETE: 'delete',
};

export interface AccessSignerOptions {
  readonly keys: Pick<AccessKeyStore, 'find' | 'list'>;
  /** Base URL of the S3 endpoint; null where there is none. */
  readonly endpoint: () => string | null;
  readonly clock: Clock;
}

/** What both kinds of signing take. */
interface SigningWish {
  /** Id of the access key; null: the only one that may do this. */
  readonly accessKey: string | null;
  /** Base URL by which the endpoint is reached from outside; null: its own. */
  readonly endpoint: string | null;
}

export type PresignWish = SigningWish & Pick<Presigning, 'method' | 'bucket' | 'key' | 'expiresMs'>;
export type PostFormWish = SigningWish &
  Pick<
    PostPolicySigning,
    'bucket' | 'key' | 'isPrefix' | 'contentType' | 'fileBytesMax' | 'redirect' | 'expiresMs'
  >;

/** A URL, whose key it is signed with, and when it ends. */
export interface SignedUrl {
  readonly url: string;
  readonly accessKey: string;
  /** Milliseconds since the epoch; never past the end of the key. */
  readonly expiresAt: number;
}

/** A form for `url`, to be sent as multipart/form-data with the file last. */
export interface SignedForm extends SignedUrl {
  readonly fields: readonly PostPolicyField[];
}

/**
 * Signs with the keys of a project, for operators, who then need no secret at hand. Promises: what it signs is
 * within what the key may do, and ends with it at the latest. Errors: CORDON_ACCESS_KEY_INVALID.
 */
export class AccessSigner {
  readonly #options: AccessSignerOptions;

  constructor(options: AccessSignerOptions) {
    this.#options = options;
  }

  /** A URL for one request. */
  async presign(project: string, wish: PresignWish): Promise<SignedUrl> {
    const { method, bucket, key } = wish;
    const credentials = await this.#keyFor(project, wish, OPERATION_BY_METHOD[method]);
    const now = this.#options.clock.now();
    const expiresMs = withinKey(credentials, wish.expiresMs, now);
    const endpoint = this.#endpointFor(wish);
    const url = presign({ endpoint, method, bucket, key, expiresMs, credentials, now });
    return { url, accessKey: credentials.id, expiresAt: now + expiresMs };
  }

  /** A form with which a browser uploads. */
  async postForm(project: string, wish: PostFormWish): Promise<SignedForm> {
    const { bucket, key, isPrefix, contentType, fileBytesMax, redirect } = wish;
    const credentials = await this.#keyFor(project, wish, 'put');
    const now = this.#options.clock.now();
    const expiresMs = withinKey(credentials, wish.expiresMs, now);
    const url = `${new URL(this.#endpointFor(wish)).origin}/${bucket}`;
    const policy = { bucket, key, isPrefix, contentType, fileBytesMax, redirect, expiresMs };
    const fields = signPostPolicy({ ...policy, credentials, now });
    return { url, fields, accessKey: credentials.id, expiresAt: now + expiresMs };
  }

  #endpointFor({ endpoint }: SigningWish): string {
    const url = endpoint ?? this.#options.endpoint();
    if (url === null || !URL.canParse(url)) throw invalid('the server has no S3 endpoint; name one');
    return url;
  }

  async #keyFor(
    project: string,
    { accessKey, bucket, key }: SigningWish & { readonly bucket: string; readonly key: string },
    operation: AccessOperation,
  ): Promise<AccessKey> {
    const { keys, clock } = this.#options;
    const now = clock.now();
    const able = keys
      .list(project)
      .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
      .filter((scope) => scopeAllows(scope, { operation, bucket, key }))
      .map(({ id }) => id);
    const [only, ...more] = accessKey === null ? able : able.filter((id) => id === accessKey);
    if (only === undefined)
      throw invalid(
        accessKey === null
          ? `there is no access key that may ${operation} ${bucket}/${key}`
          : `the access key ${JSON.stringify(accessKey)} may not ${operation} ${bucket}/${key}, or is not there`,
      );
    if (more.length > 0)
      throw invalid(`more than one access key may do this; name one of ${able.join(', ')}`);
    const found = await keys.find(only);
    if (found === null || found.project !== project) throw invalid('the access key has just been revoked');
    return found;
  }
}

/** The time that is left to a key is the most that it can sign for. */
function withinKey({ expiresAt }: AccessKey, expiresMs: number, now: number): number {
  return expiresAt === null ? expiresMs : Math.min(expiresMs, expiresAt - now);
}

function invalid(why: string): CordonError {
  return new CordonError('CORDON_ACCESS_KEY_INVALID', `Cannot sign: ${why}.`);
}
