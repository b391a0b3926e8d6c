export default {
  async fetch(request, env) {
    await env.MAIL.send({}); //~ queue MAIL send
    await env.ARCHIVE.head('x'); //~ bucket ARCHIVE head x
    await env.STUFF.get('x'); //~ binding STUFF get x
    return new Response(env.GREETING); //~ binding GREETING read
  },
};
