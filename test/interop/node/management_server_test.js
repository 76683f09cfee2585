'use strict';
// Our proxy as the client of a management server that shares no code with ours, in both forms of the protocol.

const assert = require('assert');
const path = require('path');
const test = require('node:test');
const {gatewayShaped, istioShaped} = require('./bootstraps');
const {ManagementServer, TYPES} = require('./management_server');
const {Load, Proxy, backend, folder, get, until} = require('./programs');
const {cluster, endpoints, listener, routes} = require('./resources');

const FORMS = {GRPC: 'sotw', DELTA_GRPC: 'delta'};
const SHAPES = ['istio', 'gateway'];

// A proxy with a bootstrap of that shape, its management server, and two services to send requests to.
class Scene {
  async start(shape, api) {
    this.a = await backend('a');
    this.b = await backend('b');
    this.server = new ManagementServer();
    this.server.update([cluster('one'), endpoints('one', this.a.port), routes('in-routes', 'one'), listener('in', 'in-routes')]);
    if (shape === 'istio') {
      const socket = path.join(folder(), 'XDS');
      this.address = `unix:${socket}`;
      await this.server.listen(this.address);
      this.proxy = new Proxy(istioShaped(socket, api));
    } else {
      const port = await this.server.listen('127.0.0.1:0');
      this.address = `127.0.0.1:${port}`;
      this.proxy = new Proxy(gatewayShaped(port, api));
    }
    this.port = await this.proxy.port('in');
    await this.answers('a');
  }
  async answers(body) {
    await until(`an answer of "${body}"\n${this.proxy.program.log}`, async () => (await get(this.port, '/')).body === body);
  }
  async stop() {
    try {
      await this.proxy?.stop();
    } finally {
      this.server?.stop();
      this.a?.stop();
      this.b?.stop();
    }
  }
}

function scene(name, shape, api, body) {
  test(`${shape}-shaped bootstrap, ${api}: ${name}`, async () => {
    const s = new Scene();
    try {
      await s.start(shape, api);
      await body(s);
    } catch (error) {
      if (s.proxy) console.error(s.proxy.program.log);
      throw error;
    } finally {
      await s.stop();
    }
  });
}

for (const api of Object.keys(FORMS)) {
  for (const shape of SHAPES) {
    scene('follows changes of every type under load without a failed request', shape, api, async (s) => {
      assert.ok(s.server.requests.every((request) => request.form === FORMS[api]));
      const load = new Load(s.port, '/');
      for (let round = 0; round < 5; ++round) {
        s.server.update([cluster('two'), endpoints('two', s.b.port), routes('in-routes', 'two')], [[TYPES.cluster, 'one'], [TYPES.endpoints, 'one']]);
        await until('answers of b', () => load.last === 'b');
        s.server.update([cluster('one'), endpoints('one', s.a.port), routes('in-routes', 'one')], [[TYPES.cluster, 'two'], [TYPES.endpoints, 'two']]);
        await until('answers of a', () => load.last === 'a');
        s.server.update([endpoints('one', s.b.port)]); // the same cluster, elsewhere
        await until('answers of b', () => load.last === 'b');
        s.server.update([endpoints('one', s.a.port)]);
        await until('answers of a', () => load.last === 'a');
      }
      await load.stop();
      assert.deepStrictEqual(load.failures, []);
      assert.ok(s.server.requests.every((request) => !request.error_detail), 'nothing was refused');
    });
  }

  scene('says which resource is bad, keeps what it had, and takes the rest', 'istio', api, async (s) => {
    const from = s.server.requests.length;
    s.server.update([cluster('three', {lb_policy: 'MAGLEV'}), cluster('one', {connect_timeout: {seconds: 2}})]);
    const refusal = await s.server.request((request) => request.type_url === TYPES.cluster && request.error_detail, from);
    assert.match(refusal.error_detail.message, /three/);
    assert.match(refusal.error_detail.message, /lb_policy/);
    assert.ok(refusal.response_nonce);
    await s.answers('a');
    // It waits a moment for endpoints that this server does not send again.
    await until('the good one of the same response is in use', async () => {
      const dump = JSON.parse((await s.proxy.admin('/config_dump')).body);
      const clusters = dump.configs.find((one) => one['@type'].endsWith('ClustersConfigDump'));
      return clusters.dynamic_active_clusters.find((one) => one.cluster.name === 'one').cluster.connect_timeout === '2s';
    });
    await s.answers('a');
    s.server.update([cluster('three'), endpoints('three', s.b.port), routes('in-routes', 'three')]);
    await s.answers('b');
  });

  scene('loses its server without losing a request, and says on return what it has', 'gateway', api, async (s) => {
    const load = new Load(s.port, '/');
    s.server.stop();
    await until('the loss is noticed', async () => (await s.proxy.stat('control_plane.connected_state')) === 0);
    const from = s.server.requests.length;
    const again = new ManagementServer();
    Object.assign(again, {resources: s.server.resources, version: s.server.version, requests: s.server.requests});
    s.server = again;
    await again.listen(s.address);
    const first = await again.request((request) => request.type_url === TYPES.cluster, from);
    assert.ok(first.node?.id, 'the node is said on each new stream');
    assert.strictEqual(first.response_nonce, '');
    if (api === 'GRPC') {
      assert.notStrictEqual(first.version_info, '');
    } else {
      assert.deepStrictEqual(Object.keys(first.initial_resource_versions), ['one']);
    }
    again.update([endpoints('one', s.b.port)]);
    await until('answers of b', () => load.last === 'b');
    await load.stop();
    assert.deepStrictEqual(load.failures, []);
  });

  scene('names its node once per stream where it is told to', 'istio', api, async (s) => {
    await until('several requests', () => s.server.requests.length >= 6);
    const named = s.server.requests.filter((request) => request.node);
    assert.strictEqual(named.length, 1);
    assert.strictEqual(named[0].node.cluster, 'app.default');
  });
}

scene('has its connections limited by the overload manager of its bootstrap', 'istio', 'GRPC', async (s) => {
  const net = require('net');
  const sockets = [];
  let closed = 0;
  for (let i = 0; i < 60; ++i) {
    const socket = net.connect(s.port, '127.0.0.1');
    socket.on('close', () => ++closed);
    socket.on('error', () => {});
    sockets.push(socket);
  }
  await until('20 or so are turned away', () => closed >= 20);
  assert.ok(closed < 60);
  for (const socket of sockets) socket.destroy();
  await s.answers('a');
});
