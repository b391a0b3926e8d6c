import { Option } from 'commander';
import { bytes, listed, moment, span } from './option-values.ts';
import type { Branch } from './program.ts';

const FIFTEEN_MINUTES_MS = 15 * 60_000;
const key = (): Option =>
  new Option('--key <id>', 'access key to sign with (default: the only one that may do this)');
const endpoint = (): Option =>
  new Option('--endpoint <url>', 'base URL by which the S3 endpoint is reached (default: its own)');

/** The commands about the keys of clients of S3, and about what is signed with them. */
export function addAccessKeys({ group }: Branch): void {
  const keys = group('access-key', 'Make and revoke the keys of S3 clients; sign URLs and upload forms.', [
    'cordon access-key create --name camera --bucket photos --prefix in/ --can put',
    'cordon access-key presign photos/in/cat.png --method PUT --expires 15m',
    'cordon access-key list',
  ]);
  const load = async () => import('./commands/access-key.ts');
  keys
    .add('create', 'Make an access key, which is shown once.', async () => (await load()).createAccessKey, [
      'cordon access-key create --name camera --bucket photos --prefix in/ --can put --expires 90d',
      'cordon access-key create --name sync --bucket photos --can get --can list > camera.env',
    ])
    .requiredOption('--name <name>', 'whose key it is, for people')
    .requiredOption('--bucket <bucket>', 'bucket that it is for; may be repeated', listed)
    .requiredOption('--can <operation>', 'get, put, delete or list; may be repeated', listed)
    .option('--prefix <prefix>', 'what the keys of objects have to start with (default: any)', '')
    .option('--expires <time>', 'when it ends: 90d, 12h or a date (default: never)', moment);
  keys.add('list', 'List the access keys, never their secrets.', async () => (await load()).listAccessKeys, [
    'cordon access-key list',
    'cordon access-key list --json',
  ]);
  keys
    .add('revoke', 'Revoke an access key, at once.', async () => (await load()).revokeAccessKey, [
      'cordon access-key revoke CORDONQ2W3E4R5T6Y7UI',
    ])
    .argument('<id>', 'id of the access key');
  keys
    .add('presign', 'Sign a URL for one request on an object.', async () => (await load()).presignUrl, [
      'cordon access-key presign photos/in/cat.png --expires 15m',
      'curl --upload-file cat.png "$(cordon access-key presign photos/in/cat.png --method PUT)"',
    ])
    .argument('<object>', 'the bucket and the key, as bucket/key')
    .addOption(
      new Option('--method <method>', 'what the URL is for')
        .choices(['GET', 'HEAD', 'PUT', 'DELETE'])
        .default('GET'),
    )
    .option('--expires <time>', 'how long it can be used: 30s, 15m, 12h or 7d', span, FIFTEEN_MINUTES_MS)
    .addOption(key())
    .addOption(endpoint());
  keys
    .add('post-form', 'Sign a form with which browsers upload.', async () => (await load()).signPostForm, [
      'cordon access-key post-form photos/in/ --type "image/*" --max 10MiB --expires 1h',
      'cordon access-key post-form photos/in/cat.png --max 1MiB --json',
    ])
    .argument('<object>', 'the bucket and the key; after a / at the end follows the name of the file')
    .requiredOption('--max <size>', 'most bytes of a file: 500KB, 10MiB', bytes)
    .option('--type <type>', 'content type of the file, or what it starts with and a *')
    .option('--redirect <url>', 'where the browser goes after an upload')
    .option('--expires <time>', 'how long it can be used: 30s, 15m, 12h or 7d', span, FIFTEEN_MINUTES_MS)
    .addOption(key())
    .addOption(endpoint());
}
