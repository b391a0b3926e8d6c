const PIECE_BYTES = 4 * 1024 * 1024;

/** With `?bomb` it takes memory until something stops it. */
export default {
  fetch(request) {
    if (!new URL(request.url).searchParams.has('bomb')) return new Response('fine\n');
    const pieces: Uint8Array[] = [];
    for (;;) pieces.push(new Uint8Array(PIECE_BYTES).fill(1));
  },
} satisfies ExportedHandler;
