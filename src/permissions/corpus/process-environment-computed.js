export default {
  async fetch(request) {
    return new Response(process.env[request.headers.get('name')]); //~ ?? binding-computed process.env
  },
};
