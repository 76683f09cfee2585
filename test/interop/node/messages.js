'use strict';
// The published v3 messages, from the .proto files that the npm package @grpc/grpc-js-xds carries: nothing here is made from ours.

const fs = require('fs');
const path = require('path');
const protobuf = require('protobufjs');

const PREFIX = 'type.googleapis.com/';
const deps = path.join(path.dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const folders = ['envoy-api', 'xds', 'protoc-gen-validate', 'googleapis'].map((name) => path.join(deps, name));

protobuf.common('descriptor', require('protobufjs/google/protobuf/descriptor.json').nested.google.nested.protobuf.nested);
const root = new protobuf.Root();
root.resolvePath = (origin, target) => {
  if (target.startsWith('google/protobuf/')) return target; // protobufjs brings these
  const found = folders.map((folder) => path.join(folder, target)).find((file) => fs.existsSync(file));
  return found ?? target;
};
root.loadSync([
  'envoy/service/discovery/v3/discovery.proto',
  'envoy/service/status/v3/csds.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
], {keepCase: true});
root.resolveAll();

const type = (name) => root.lookupType(name);

// A google.protobuf.Any: `object` is in protobuf's JSON form with the proto's field names; an object with '@type' inside of it is an Any too.
function pack(object) {
  const name = object['@type'].slice(PREFIX.length);
  const message = type(name);
  const {['@type']: unused, ...fields} = object;
  return {type_url: PREFIX + name, value: message.encode(message.fromObject(packInside(fields))).finish()};
}

function packInside(value) {
  if (Array.isArray(value)) return value.map(packInside);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  if ('@type' in value) return pack(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, packInside(inner)]));
}

const codec = (name) => ({
  encode: (object) => Buffer.from(type(name).encode(type(name).fromObject(object)).finish()),
  decode: (bytes) => type(name).toObject(type(name).decode(bytes), {defaults: true, longs: String, enums: String}),
});

module.exports = {PREFIX, pack, codec};
