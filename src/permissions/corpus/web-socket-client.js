export default {
  async fetch() {
    const socket = new WebSocket('wss://live.example.com/feed'); //~ fetch GET wss://live.example.com/feed
    socket.onmessage = ({ data }) => fetch(`https://hook.example.com/${data}`, { method: 'POST' }); //~ fetch POST https://hook.example.com/…
    return new Response();
  },
};
