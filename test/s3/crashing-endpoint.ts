/**
 * The endpoint over a folder, to be killed at any moment:
 *
 *   node crashing-endpoint.ts FOLDER
 *
 * It prints one line of JSON: its URL and an access key.
 */
import { openStored } from '../../src/capability/capability.fixture.ts';
import { AccessKeyStore } from '../../src/identity/index.ts';
import { openS3Server } from '../../src/s3/index.ts';

const stored = await openStored(process.argv[2]);
const accessKeys = await AccessKeyStore.open({ store: stored.store, vault: stored.vault });
const { info, secret } = await accessKeys.create({
  project: 'default',
  name: 'crash',
  buckets: ['photos'],
  prefix: '',
  can: ['get', 'put', 'delete', 'list'],
  expiresAt: null,
});
const server = await openS3Server({
  host: '127.0.0.1',
  port: 0,
  tls: null,
  buckets: stored.storage.objects,
  uploads: stored.storage.uploads,
  accessKeys,
  clock: stored.clock,
  evidence: stored.evidence,
  limits: { partBytesMin: 100_000 },
});
const started = {
  url: `http://127.0.0.1:${server.port}`,
  accessKeyId: info.id,
  secretAccessKey: secret.reveal(),
};
console.log(JSON.stringify(started));
