/** With `?forever` it never gives the thread back. */
export default {
  fetch(request) {
    if (!new URL(request.url).searchParams.has('forever')) return new Response('fine\n');
    for (;;);
  },
} satisfies ExportedHandler;
