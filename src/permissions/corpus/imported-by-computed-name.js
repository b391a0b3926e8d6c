export default {
  async fetch(request) {
    const module = await import(`node:${request.headers.get('module')}`); //~ ?? import-computed
    return Response.json(Object.keys(module));
  },
};
