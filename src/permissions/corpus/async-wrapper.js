const withRetry = async (action, times = 3) => {
  for (let i = 0; i < times; i++) {
    try {
      return await action();
    } catch (error) {
      if (i === times - 1) throw error;
    }
  }
};
export default {
  async fetch(request, env) {
    return new Response(await withRetry(() => env.ORDERS.get('w'))); //~ kv ORDERS get w
  },
};
