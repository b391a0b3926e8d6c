import http from 'node:http';
import { request as secure } from 'node:https';
export default {
  async fetch() {
    http.get('http://plain.example.com/a', (response) => response.resume()); //~ fetch GET http://plain.example.com/a
    secure({ hostname: 'api.example.com', port: 8443, path: '/x', method: 'POST' }).end(); //~ fetch POST https://api.example.com:8443/x
    return new Response();
  },
};
