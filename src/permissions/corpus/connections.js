import net from 'node:net';
import { connect as secure } from 'node:tls';
const database = { host: 'db.example.com', port: 5432 };
export default {
  async fetch(request) {
    net.connect(database); //~ connect db.example.com:5432
    net.createConnection(6379, 'cache.example.com'); //~ connect cache.example.com:6379
    new net.Socket().connect(25, 'mail.example.com'); //~ connect mail.example.com:25
    secure({ host: 'tls.example.com', port: 443 }); //~ connect tls.example.com:443
    await Deno.connect({ hostname: 'deno.example.com', port: 1 }); //~ connect deno.example.com:1
    net.connect({ host: request.headers.get('host'), port: 80 }); //~ ?? host-unknown
    return new Response();
  },
};
