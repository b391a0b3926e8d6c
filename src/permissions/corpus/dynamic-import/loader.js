export const load = (env) => env.CACHE.get('lazy'); //~ kv CACHE get lazy
