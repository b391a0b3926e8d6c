/** With `?answer` it answers; without, its promise never settles. */
export default {
  fetch(request) {
    if (new URL(request.url).searchParams.has('answer')) return new Response('fine\n');
    return new Promise<Response>(() => {});
  },
} satisfies ExportedHandler;
