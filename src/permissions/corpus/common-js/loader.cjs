const KEY = 'cjs';
exports.load = function (env) {
  return env.CACHE.get(KEY); //~ kv CACHE get cjs
};
