'use strict';
// Programs under test and the services around them. Everything listens on port 0, is waited for by conditions, and ends with the test.

const {spawn} = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const LONGEST = 60_000; // until a condition that does not come is given up, ms

// Binaries are named from the folder that the test runs in, where Bazel lays them.
const binary = (name) => path.resolve('source/exe', name);

// Short, because Unix sockets live in it: their paths may have 107 bytes. Gone when the test ends.
function folder() {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'outrigger-'));
  process.on('exit', () => fs.rmSync(made, {recursive: true, force: true}));
  return made;
}

class Program {
  constructor(command, args, cwd) {
    this.log = '';
    this.process = spawn(command, args, {cwd, stdio: ['ignore', 'pipe', 'pipe']});
    this.ended = new Promise((resolve) => this.process.on('exit', (code, signal) => {
      this.result = code ?? signal;
      resolve(this.result);
    }));
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on('data', (bytes) => { this.log += bytes; });
  }
  check() {
    if (this.result !== undefined) throw new Error(`the program ended with ${this.result}:\n${this.log}`);
    return true;
  }
  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    return this.ended;
  }
}

// Asks until `probe` gives something that is not undefined. Between two attempts the event loop turns; nothing is timed.
async function until(what, probe) {
  const end = Date.now() + LONGEST;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// One request on a connection of its own unless an agent is given: {status, body, headers}; an error is a status of 0.
function get(port, target, {host = '127.0.0.1', headers = {}, agent} = {}) {
  return new Promise((resolve) => {
    const request = http.get({host, port, path: target, headers, agent}, (response) => {
      let body = '';
      response.on('data', (bytes) => { body += bytes; });
      response.on('end', () => resolve({status: response.statusCode, body, headers: response.headers}));
      response.on('error', (error) => resolve({status: 0, body: String(error)}));
    });
    request.on('error', (error) => resolve({status: 0, body: String(error)}));
  });
}

// An HTTP service that answers its own name.
async function backend(name) {
  const server = http.createServer((request, response) => response.end(name));
  server.keepAliveTimeout = 0; // never the first to close: the race it would lose is not what is tested here
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {name, port: server.address().port, stop: () => { server.closeAllConnections?.(); server.close(); }};
}

class Proxy {
  // `bootstrap`: an object; its admin address is filled in.
  constructor(bootstrap, args = []) {
    this.folder = folder();
    const config = {...bootstrap, admin: {address: {socket_address: {address: '127.0.0.1', port_value: 0}}}};
    fs.writeFileSync(path.join(this.folder, 'bootstrap.json'), JSON.stringify(config));
    this.program = new Program(binary('outrigger'),
        ['-c', 'bootstrap.json', '--concurrency', '2', '--admin-address-path', 'admin', '--drain-time-s', '1', ...args], this.folder);
  }
  async admin(page) {
    const file = path.join(this.folder, 'admin');
    const address = await until('the admin address', () => this.program.check() && (fs.existsSync(file) && fs.readFileSync(file, 'utf8').trim()) || undefined);
    return get(Number(address.slice(address.lastIndexOf(':') + 1)), page);
  }
  async port(listener) {
    return until(`listener ${listener}\n${this.program.log}`, async () => {
      const page = await this.admin('/listeners?format=json');
      if (page.status !== 200) return undefined;
      const found = (JSON.parse(page.body).listener_statuses ?? []).find((one) => one.name === listener);
      return found?.local_address?.socket_address?.port_value;
    });
  }
  async stat(name) {
    const page = await this.admin(`/stats?filter=^${name.replace(/\./g, '\\.')}$`);
    const line = page.body.split('\n').find((one) => one.startsWith(`${name}: `));
    return line === undefined ? undefined : Number(line.slice(name.length + 2));
  }
  async stop() {
    const code = await this.program.stop();
    if (code !== 0) throw new Error(`the proxy ended with ${code}:\n${this.program.log}`);
  }
}

// Requests without a pause, `width` at a time, until stopped: counts answers by body, and what is no 200.
class Load {
  constructor(port, target, width = 4) {
    this.agent = new http.Agent({keepAlive: true, maxSockets: width});
    Object.assign(this, {answers: {}, failures: [], stopped: false});
    this.runs = Array.from({length: width}, async () => {
      while (!this.stopped) {
        const {status, body} = await get(port, target, {agent: this.agent});
        if (status !== 200) this.failures.push(`${status} ${body}`);
        this.answers[body] = (this.answers[body] ?? 0) + 1;
        this.last = body;
      }
    });
  }
  async stop() {
    this.stopped = true;
    await Promise.all(this.runs);
    this.agent.destroy();
  }
}

module.exports = {Program, Proxy, Load, backend, binary, folder, get, until};
