/* oxlint-disable -- hostile code */
const NAMES = {
  large: () => {
    let left = 512;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(new Uint8Array(256 * 1024));
          else controller.close();
        },
      }),
    );
  },
  sink: async (request) => {
    let bytes = 0;
    for await (const chunk of request.body ?? []) bytes += chunk.byteLength;
    return new Response(String(bytes));
  },
  /** Floods a WebSocket, whether or not the caller reads. */
  socket: () => {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    let left = 2000;
    const flood = () => {
      for (let i = 0; i < 20 && left > 0; i += 1, left -= 1) server.send(new Uint8Array(64 * 1024));
      if (left > 0) setTimeout(flood, 1);
    };
    flood();
    return new Response(null, { status: 101, webSocket: client });
  },
};

export default {
  fetch(request) {
    return NAMES[new URL(request.url).pathname.split('/').pop()](request);
  },
};
