/** A WebSocket that answers each message with itself; `bye` closes it. */
export default {
  fetch(request) {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      return new Response('open a WebSocket here\n', { status: 426, headers: { upgrade: 'websocket' } });
    }

    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener('message', (event) => {
      const data: unknown = event.data;
      if (data === 'bye') server.close(1000, 'bye');
      else if (typeof data === 'string') server.send(`echo: ${data}`);
      else if (data instanceof ArrayBuffer) server.send(data);
    });
    server.addEventListener('close', ({ code }) => console.log(`closed with ${code}`));
    return new Response(null, { status: 101, webSocket: client });
  },
} satisfies ExportedHandler;
