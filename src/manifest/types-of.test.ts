import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseManifest, typesOf } from './index.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const TYPES = typesOf(
  parseManifest(
    JSON.stringify({
      name: 'shop',
      functions: {
        orders: {
          entry: 'a.ts',
          vars: { GREETING: 'hi' },
          grants: {
            kv: {
              ORDERS: { store: 'orders', can: ['get', 'put', 'delete', 'list'] },
              CONFIG: { store: 'config', can: ['get'] },
            },
            bucket: {
              PHOTOS: { bucket: 'photos', can: ['get', 'head', 'put', 'delete', 'list'] },
              BACKUPS: { bucket: 'backups', can: ['put'] },
            },
            queue: { JOBS: { queue: 'jobs', can: ['send'] } },
            service: { BILLING: { function: 'billing' } },
            pipe: { NEXT: { types: ['order.created', 'order.paid'] } },
            secret: { API_KEY: { secret: 'API_KEY' } },
          },
        },
        billing: {
          entry: 'b.ts',
          on: [{ queue: 'jobs' }, { cron: '*/5 * * * *' }, { pipe: 'orders', types: ['order.paid'] }],
        },
      },
    }),
  ),
);

/** What tsc says about a file beside `cordon.d.ts`. */
function check(source: string, settings: { readonly lib: string[]; readonly types: string[] }): string {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-types-'));
  try {
    writeFileSync(join(folder, 'cordon.d.ts'), TYPES);
    writeFileSync(join(folder, 'sample.ts'), source);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'esnext',
      module: 'esnext',
      moduleResolution: 'bundler',
      ...settings,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the types of env allow what is granted, and nothing else', () => {
  const problems = check(
    `export default {
      async fetch(request: Request, env: Cordon.OrdersEnv, ctx: Cordon.Context): Promise<Response> {
        const text: string | null = await env.ORDERS.get('k');
        const order = await env.ORDERS.get<{ id: string }>('k', 'json');
        const { metadata } = await env.ORDERS.getWithMetadata<{ by: string }>('k');
        await env.ORDERS.put('k', text ?? order?.id ?? metadata?.by ?? env.GREETING, { expirationTtl: 60 });
        const page = await env.ORDERS.list({ prefix: 'a/' });
        if (!page.list_complete) await env.ORDERS.list({ cursor: page.cursor });
        await env.CONFIG.get('k');
        await env.NEXT.send('order.created', { id: 1 }, { subject: 'o1', delaySeconds: 5 });
        await env.NEXT.sendBatch([{ type: 'order.paid', data: new Uint8Array(1), contentType: 'bytes' }]);
        // @ts-expect-error: NEXT may not send this type
        await env.NEXT.send('order.deleted');
        const object = await env.PHOTOS.get('k');
        if (object !== null) ctx.waitUntil(env.BACKUPS.put('k', object.body).then(() => env.JOBS.send({ key: object.key })));
        // @ts-expect-error: CONFIG may only be read
        await env.CONFIG.put('k', 'v');
        // @ts-expect-error: CONFIG may not be listed
        await env.CONFIG.list();
        // @ts-expect-error: BACKUPS may only be written
        await env.BACKUPS.get('k');
        // @ts-expect-error: a key is a text
        await env.ORDERS.get(5);
        // @ts-expect-error: there is no such binding
        env.OTHER;
        // @ts-expect-error: bindings cannot be replaced
        env.ORDERS = env.ORDERS;
        return env.BILLING.fetch(request, { headers: { authorization: env.API_KEY } });
      },
    };
    declare const billing: Cordon.BillingEnv;
    // @ts-expect-error: another function has none of it
    billing.ORDERS;`,
    { lib: ['esnext', 'dom'], types: [] },
  );
  assert.equal(problems, '');
});

test('handlers of events are typed for what the manifest has sources of', () => {
  const problems = check(
    `export default {
      async queue(batch: Cordon.MessageBatch<{ n: number }>, env: Cordon.BillingEnv, ctx: Cordon.Context): Promise<void> {
        for (const message of batch.messages) message.body.n > message.attempts ? message.ack() : message.retry({ delaySeconds: 5 });
        batch.retryAll();
        // @ts-expect-error: a batch has no body
        batch.body;
      },
      async scheduled(controller: Cordon.ScheduledController): Promise<void> {
        if (controller.scheduledTime < Date.now() && controller.cron !== '') controller.noRetry();
      },
      async event(event: Cordon.CloudEvent): Promise<void> {
        const subject: string | undefined = event.subject;
        const bytes: Uint8Array = event.bytes();
        // @ts-expect-error: nobody knows what the data are
        const text: string = event.data;
      },
    };`,
    { lib: ['esnext', 'dom'], types: [] },
  );
  assert.equal(problems, '');
  const plain = typesOf(parseManifest(JSON.stringify({ name: 'a', functions: { f: { entry: 'a.ts' } } })));
  assert.doesNotMatch(plain, /MessageBatch|ScheduledController|CloudEvent/);
});

test('handlers for Workers take what the platform gives, but for the metadata of a batch', () => {
  const problems = check(
    `declare const batch: Cordon.MessageBatch<{ n: number }>;
    declare const controller: Cordon.ScheduledController;
    const worker = {
      async queue(batch, env, ctx) { for (const { body, timestamp, attempts } of batch.messages) body.n + timestamp.getTime() + attempts; batch.ackAll(); },
      async scheduled(controller, env, ctx) { ctx.waitUntil(Promise.resolve(controller.cron)); controller.noRetry(); },
    } satisfies ExportedHandler<unknown, { n: number }>;
    export default worker;
    export const queued: Omit<MessageBatch<{ n: number }>, 'metadata'> = batch;
    export const scheduled: ScheduledController = controller;
    // @ts-expect-error: the backlog is not told
    export const whole: MessageBatch<{ n: number }> = batch;`,
    { lib: ['esnext'], types: [join(ROOT, 'node_modules/@cloudflare/workers-types')] },
  );
  assert.equal(problems, '');
});

test('bindings are what code for Workers expects, as far as Cordon has it', () => {
  const problems = check(
    `declare const env: Cordon.OrdersEnv;
    export const kv: KVNamespace = env.ORDERS;
    export const bucket: Omit<R2Bucket, 'createMultipartUpload' | 'resumeMultipartUpload'> = env.PHOTOS;
    export const service: Pick<Fetcher, 'fetch'> = env.BILLING;
    type Sends = { [Method in 'send' | 'sendBatch']: (...args: Parameters<Queue[Method]>) => Promise<unknown> };
    export const queue: Sends = env.JOBS;
    // @ts-expect-error: multipart uploads are not there
    export const whole: R2Bucket = env.PHOTOS;`,
    { lib: ['esnext'], types: [join(ROOT, 'node_modules/@cloudflare/workers-types')] },
  );
  assert.equal(problems, '');
});

test('a name in env stands for one thing, and a service is a function of the app', () => {
  const manifest = (grants: unknown, vars = {}): string =>
    JSON.stringify({ name: 'app', functions: { a: { entry: 'a.ts', vars, grants }, b: { entry: 'b.ts' } } });
  const kv = { DATA: { store: 's', can: ['get'] } };
  const service = (name: string) => ({ B: { function: name } });
  parseManifest(manifest({ kv, service: service('b') }, { OTHER: 'x' }));
  assert.throws(() => parseManifest(manifest({ kv }, { DATA: 'x' })), /"DATA" twice/);
  assert.throws(
    () => parseManifest(manifest({ kv, queue: { DATA: { queue: 'q', can: ['send'] } } })),
    /"DATA" twice/,
  );
  assert.throws(() => parseManifest(manifest({ kv, pipe: { DATA: { types: ['a.b'] } } })), /"DATA" twice/);
  assert.throws(() => parseManifest(manifest({ service: service('bb') })), /a function of this app/);
});
