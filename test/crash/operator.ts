import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Home, ServerProcess } from '../../tools/server-process.ts';

const CALL_TIMEOUT_MS = 15_000;

const credentialsSchema = z.object({ token: z.string() });
const appSchema = z.object({
  live: z.string(),
  canary: z.object({ deployment: z.string(), percent: z.number() }).nullable(),
});
const deployedSchema = z.object({ deployment: z.object({ id: z.string() }) });
const deploymentsSchema = z.object({ deployments: z.array(z.object({ id: z.string() })) });

/** What an app serves. */
export type AppState = z.output<typeof appSchema>;

/** A client of the control API that lives longer than the server it speaks to. */
export class Operator {
  readonly #token: string;
  server: ServerProcess;

  private constructor(token: string, server: ServerProcess) {
    this.#token = token;
    this.server = server;
  }

  static async of(home: Home, server: ServerProcess): Promise<Operator> {
    const text = await readFile(join(home.folder, 'config/cordon/credentials.json'), 'utf8');
    return new Operator(credentialsSchema.parse(JSON.parse(text)).token, server);
  }

  /** Id of the deployment, once the server has acknowledged it. Throws when it does not. */
  async deploy(app: string, archive: Buffer): Promise<string> {
    const body = new Uint8Array(archive);
    const answer = await this.#send('POST', `/v1/apps/${app}/deployments`, body, 'application/x-tar');
    return deployedSchema.parse(answer).deployment.id;
  }

  async app(name: string): Promise<AppState> {
    return appSchema.parse(await this.#send('GET', `/v1/apps/${name}`));
  }

  async deployments(app: string): Promise<string[]> {
    const { deployments } = deploymentsSchema.parse(await this.#send('GET', `/v1/apps/${app}/deployments`));
    return deployments.map(({ id }) => id);
  }

  async rollback(app: string, to: string): Promise<void> {
    await this.#send('POST', `/v1/apps/${app}/rollback`, JSON.stringify({ to }), 'application/json');
  }

  async setCanary(app: string, deployment: string, percent: number): Promise<void> {
    const body = JSON.stringify({ deployment, percent });
    await this.#send('PUT', `/v1/apps/${app}/canary`, body, 'application/json');
  }

  async clearCanary(app: string): Promise<void> {
    await this.#send('DELETE', `/v1/apps/${app}/canary`);
  }

  /** Status of a call at the gateway and its text. */
  async call(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(this.server.gatewayUrl + path, {
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    return { status: response.status, text: await response.text() };
  }

  async #send(
    method: string,
    path: string,
    body?: Uint8Array<ArrayBuffer> | string,
    type?: string,
  ): Promise<unknown> {
    const response = await fetch(this.server.controlUrl + path, {
      method,
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(type === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}
