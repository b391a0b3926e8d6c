class App {
  constructor(env) {
    this.env = env;
  }
  run = async () => {
    await this.env.JOBS.send(1); //~ queue JOBS send
    return this.helper();
  };
  helper() {
    return this.env.CACHE.get('h'); //~ kv CACHE get h
  }
}
export default {
  async fetch(request, env) {
    return new Response(await new App(env).run());
  },
};
