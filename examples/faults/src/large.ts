/** `?bytes=N` answers N bytes: up to 64 KiB is within its limit. */
export default {
  fetch(request) {
    const bytes = Number(new URL(request.url).searchParams.get('bytes') ?? 16);
    return new Response(new Uint8Array(bytes).fill(0x2e));
  },
} satisfies ExportedHandler;
