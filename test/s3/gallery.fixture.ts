import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SignatureV4 } from '@smithy/signature-v4';
import { z } from 'zod';
import { Sha256 } from '../../src/aws/sha256.fixture.ts';
import { ServerProcess } from '../../tools/server-process.ts';
import { writeText, type Platform } from '../e2e/platform.ts';
import { makeKey, signForm, type MadeKey, type PostForm } from './server.fixture.ts';

const APP = join(import.meta.dirname, 'app');
const REGION = 'us-east-1';
const FORM_MS = 600_000;
const TOLD_MS = 15_000;
const PAUSE_MS = 30;

/** What the policy of a form lets through; the source of the function takes more. */
export const FORM_BYTES_MAX = 50_000;
const SOURCE_BYTES_MAX = '1MB';

const seenSchema = z.array(z.string());
const lanesSchema = z.object({ lanes: z.array(z.object({ waiting: z.number() })) });

type Form = PostForm & {
  /** The page gives the content type, which the policy leaves to it. */
  readonly typed: boolean;
};

/** A deployed page with forms that upload into `photos`, whose function is told of them. */
export class Gallery {
  readonly #platform: Platform;
  /** May do everything in `photos` and `pages`. */
  readonly key: MadeKey;

  private constructor(platform: Platform, key: MadeKey) {
    this.#platform = platform;
    this.key = key;
  }

  /** Restarts the server so that pages of the gateway may use the endpoint, and deploys the page. */
  static async open(platform: Platform): Promise<Gallery> {
    await platform.server.stop();
    const args = ['--s3-origin', platform.server.gatewayUrl];
    platform.server = await ServerProcess.start(platform.home, { after: platform.server, args });
    const uploader = await makeKey(platform.home, { buckets: ['photos'], prefix: 'in/', can: ['put'] });
    const key = await makeKey(platform.home, { buckets: ['photos', 'pages'] });
    const folder = join(platform.home.folder, 'gallery');
    await mkdir(folder);
    for (const file of ['page.mjs', 'notice.mjs']) await copyFile(join(APP, file), join(folder, file));
    const { gatewayUrl, s3Url } = platform.server;
    const forms = {
      plain: { ...(await signForm(platform.home, 'photos/in/', FORM_BYTES_MAX, uploader)), typed: true },
      redirect: await formOf(s3Url, uploader, { success_action_redirect: `${gatewayUrl}/done` }),
      created: await formOf(s3Url, uploader, { success_action_status: '201' }),
    };
    await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifestOf(s3Url, forms)));
    await platform.deploy(folder);
    return new Gallery(platform, key);
  }

  /** The keys of objects that the function was told of, once `key` is one of them and nothing waits. */
  async toldOf(key: string): Promise<readonly string[]> {
    const deadline = Date.now() + TOLD_MS;
    for (;;) {
      const [lanes] = await this.#platform.home.json('events', 'lanes');
      const isIdle = lanesSchema.parse(lanes).lanes.every(({ waiting }) => waiting === 0);
      // Only what was noted after nothing waited is all of it.
      const seen = seenSchema.parse(JSON.parse(await this.#platform.text('/seen')));
      if (isIdle && seen.includes(key)) return seen;
      if (Date.now() > deadline) throw new Error(`nobody was told of ${key}, but of ${seen.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function manifestOf(s3Url: string, forms: Readonly<Record<string, Form>>): object {
  const policy = `default-src 'none'; script-src 'self'; connect-src ${s3Url}; form-action 'self' ${s3Url}`;
  const open = { methods: ['GET'], auth: 'public' };
  return {
    name: 'gallery',
    functions: {
      page: {
        entry: 'page.mjs',
        routes: [
          { path: '/page', ...open, securityHeaders: { 'content-security-policy': policy } },
          { path: '/closed', ...open },
          { path: '/script.js', ...open },
          { path: '/done', ...open },
        ],
        vars: { FORMS: JSON.stringify(forms) },
      },
      notice: {
        entry: 'notice.mjs',
        on: [{ upload: 'photos', prefix: 'in/', types: ['image/png'], max: SOURCE_BYTES_MAX }],
        routes: [{ path: '/seen', ...open }],
        grants: { kv: { SEEN: { store: 'seen', can: ['put', 'list'] } } },
      },
    },
  };
}

/** A form that says how it is answered, signed as `@aws-sdk/s3-presigned-post` does. */
async function formOf(
  s3Url: string,
  credentials: MadeKey,
  answer: Readonly<Record<string, string>>,
): Promise<Form> {
  const signingDate = new Date();
  const time = signingDate.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const fields: Readonly<Record<string, string>> = {
    bucket: 'photos',
    ...answer,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${time.slice(0, 8)}/${REGION}/s3/aws4_request`,
    'X-Amz-Date': time,
  };
  const conditions = [
    ['starts-with', '$key', 'in/'],
    ['content-length-range', 1, FORM_BYTES_MAX],
    ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
  ];
  const expiration = new Date(signingDate.getTime() + FORM_MS).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const signer = new SignatureV4({ service: 's3', region: REGION, sha256: Sha256, credentials });
  const signature = await signer.sign(policy, { signingDate });
  const all = { key: 'in/${filename}', ...fields, Policy: policy, 'X-Amz-Signature': signature };
  return {
    url: `${s3Url}/photos`,
    fields: Object.entries(all).map(([name, value]) => ({ name, value })),
    typed: false,
  };
}
