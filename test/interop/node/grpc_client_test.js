'use strict';
// @grpc/grpc-js-xds, an xDS client of its own make, against our control plane.

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const test = require('node:test');
const grpc = require('@grpc/grpc-js');
const {Program, binary, folder, until} = require('./programs');
const {apiListener, cluster, endpoints, routes} = require('./resources');

const WHO = {
  path: '/test.Who/Ask', requestStream: false, responseStream: false,
  requestSerialize: (text) => Buffer.from(text), requestDeserialize: (bytes) => bytes.toString(),
  responseSerialize: (text) => Buffer.from(text), responseDeserialize: (bytes) => bytes.toString(),
};

async function service(name) {
  const server = new grpc.Server();
  server.addService({Ask: WHO}, {Ask: (call, answer) => answer(null, name)});
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, n) => (error ? reject(error) : resolve(n)));
  });
  return {port, stop: () => server.forceShutdown()};
}

// The resources of one version, in a folder that changes as a whole: a file is written aside and moved into its place.
function publish(where, resources) {
  const aside = path.join(path.dirname(where), 'next.json');
  // Wrapped numbers are objects to protobufjs, and plain numbers in the JSON form.
  const plain = (key, value) => (value && typeof value === 'object' && Object.keys(value).join() === 'value' ? value.value : value);
  fs.writeFileSync(aside, JSON.stringify({resources}, plain));
  fs.renameSync(aside, path.join(where, 'all.json'));
}

const all = (version, port) => [
  apiListener('shop', 'shop-routes'), routes('shop-routes', `shop-${version}`), cluster(`shop-${version}`), endpoints(`shop-${version}`, port),
];

test('finds its service by xds: and follows changes without a failed call', async () => {
  const one = await service('one');
  const two = await service('two');
  const state = folder();
  const resources = path.join(state, 'resources');
  fs.mkdirSync(resources);
  publish(resources, all('v1', one.port));
  const socket = path.join(state, 'xds.sock');
  const plane = new Program(binary('outrigger-control-plane'), ['serve', '--resources', resources, '--listen', `unix:${socket}`]);
  try {
    await until('the control plane listens', () => plane.check() && fs.existsSync(socket));
    process.env.GRPC_XDS_BOOTSTRAP_CONFIG = JSON.stringify({
      xds_servers: [{server_uri: `unix:${socket}`, channel_creds: [{type: 'insecure'}], server_features: ['xds_v3']}], node: {id: 'node-client', locality: {region: 'here'}},
    });
    require('@grpc/grpc-js-xds').register();
    const client = new grpc.Client('xds:///shop', grpc.credentials.createInsecure());
    const failures = [];
    const ask = () => new Promise((resolve) => {
      const deadline = new Date(Date.now() + 20_000);
      client.makeUnaryRequest(WHO.path, WHO.requestSerialize, WHO.responseDeserialize, '?', new grpc.Metadata({waitForReady: true}), {deadline},
          (error, answer) => {
            if (error) failures.push(String(error));
            resolve(answer);
          });
    });
    assert.strictEqual(await ask(), 'one');
    for (const [version, port, name] of [['v2', two.port, 'two'], ['v1', one.port, 'one'], ['v2', two.port, 'two']]) {
      publish(resources, all(version, port));
      await until(`answers of ${name}\n${plane.log}`, async () => (await ask()) === name);
    }
    assert.deepStrictEqual(failures, []);
    client.close();
  } finally {
    await plane.stop();
    one.stop();
    two.stop();
  }
  assert.doesNotMatch(plane.log, /refus/i);
});
