// Node's HTTP server, telling in x-seen what it saw of each request. Prints its port.
'use strict';
const crypto = require('crypto');
const http = require('http');

function description(request, body) {
  const said = {
    method: request.method,
    target: request.url,
    host: request.headers.host,
    size: body.length,
    sha1: crypto.createHash('sha1').update(body).digest('hex'),
  };
  return Buffer.from(JSON.stringify(said)).toString('base64');
}

const server = http.createServer({maxHeaderSize: 128 * 1024, insecureHTTPParser: false}, (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    response.setHeader('x-seen', description(request, Buffer.concat(pieces)));
    response.setHeader('content-length', '0');
    response.sendDate = false;
    response.end();
  });
  request.on('error', () => {});
});
server.keepAliveTimeout = 60000;
server.on('connect', (request, socket) => {
  socket.on('error', () => {});
  socket.end('HTTP/1.1 200 OK\r\nx-seen: ' + description(request, Buffer.alloc(0)) + '\r\n\r\n');
});
server.on('upgrade', (request, socket, rest) => {
  const body = rest.subarray(0, Number(request.headers['content-length'] || 0));  // node leaves it to this handler
  socket.on('error', () => {});
  socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ' + request.headers.upgrade +
             '\r\nx-seen: ' + description(request, body) + '\r\n\r\n');
});
server.listen(0, '127.0.0.1', 1024, () => console.log(server.address().port));
