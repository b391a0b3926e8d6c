class Base {
  constructor(env) {
    this.env = env;
  }
  load(key) {
    return this.env.ORDERS.get(key); //~ kv ORDERS get child:1
  }
  unused() {
    return this.env.ORDERS.delete('never');
  }
}
class Child extends Base {
  load(key) {
    return super.load(`child:${key}`);
  }
}
export default {
  async fetch(request, env) {
    return new Response(await new Child(env).load(1));
  },
};
