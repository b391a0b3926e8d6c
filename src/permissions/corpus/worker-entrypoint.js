import { WorkerEntrypoint } from 'cloudflare:workers';
export default class extends WorkerEntrypoint {
  async fetch() {
    return new Response(await this.env.CACHE.get('w')); //~ kv CACHE get w
  }
}
