/** `/CODE/ID`: runs the code of that name in an isolate that has not been seen before. */
export default {
  fetch(request, env) {
    const [, code, id] = new URL(request.url).pathname.split('/');
    const worker = env.LOADER.get(id, () => ({
      compatibilityDate: '2026-01-01',
      mainModule: 'main.js',
      modules: { 'main.js': `${env[code]}\n// ${id}` },
      globalOutbound: null,
    }));
    return worker.getEntrypoint().fetch(request);
  },
};
