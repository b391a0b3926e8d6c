var Name;
(function (Name) {
  Name['Cache'] = 'CACHE';
  Name[(Name['Other'] = 0)] = 'Other';
})(Name || (Name = {}));
export default {
  async fetch(request, env) {
    return new Response(await env[Name.Cache].get('enum')); //~ kv CACHE get enum
  },
};
