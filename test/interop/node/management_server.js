'use strict';
// A management server that shares no code with ours: gRPC by @grpc/grpc-js, messages by protobufjs. It speaks both forms of the aggregated
// service, as small as the protocol allows, and remembers what its clients said.

const grpc = require('@grpc/grpc-js');
const {EventEmitter} = require('events');
const {codec, pack, PREFIX} = require('./messages');

const TYPES = {
  cluster: PREFIX + 'envoy.config.cluster.v3.Cluster',
  endpoints: PREFIX + 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: PREFIX + 'envoy.config.listener.v3.Listener',
  routes: PREFIX + 'envoy.config.route.v3.RouteConfiguration',
};
const WHOLE = [TYPES.cluster, TYPES.listener];
const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';

const sotwRequest = codec('envoy.service.discovery.v3.DiscoveryRequest');
const sotwResponse = codec('envoy.service.discovery.v3.DiscoveryResponse');
const deltaRequest = codec('envoy.service.discovery.v3.DeltaDiscoveryRequest');
const deltaResponse = codec('envoy.service.discovery.v3.DeltaDiscoveryResponse');

const nameOf = (resource) => resource.name ?? resource.cluster_name;

class ManagementServer extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(0);
    this.resources = {}; // type URL -> name -> {version, any}
    this.version = 0;
    this.requests = []; // of all streams: {form, stream, first, ...message}
    this.streams = new Set();
    this.streamCount = 0;
    for (const url of Object.values(TYPES)) this.resources[url] = new Map();
  }

  // Changes several resources at once: [{'@type', name, ...}]. `removed`: [[type URL, name]].
  update(resources, removed = []) {
    ++this.version;
    const touched = new Set();
    for (const resource of resources) {
      this.resources[resource['@type']].set(nameOf(resource), {version: String(this.version), any: pack(resource)});
      touched.add(resource['@type']);
    }
    for (const [url, name] of removed) {
      this.resources[url].delete(name);
      touched.add(url);
    }
    // Make before break is this server's duty too: clusters and endpoints first, what leads to them after.
    for (const url of Object.values(TYPES)) {
      if (touched.has(url)) for (const stream of this.streams) stream.push(url);
    }
  }

  async listen(address) {
    this.server = new grpc.Server();
    const method = (name, request, response, handler) => ({
      path: SERVICE + name, requestStream: true, responseStream: true, handler,
      requestDeserialize: request.decode, requestSerialize: request.encode,
      responseDeserialize: response.decode, responseSerialize: response.encode,
    });
    const definition = {
      StreamAggregatedResources: method('StreamAggregatedResources', sotwRequest, sotwResponse),
      DeltaAggregatedResources: method('DeltaAggregatedResources', deltaRequest, deltaResponse),
    };
    this.server.addService(definition, {
      StreamAggregatedResources: (call) => this.open(new SotwStream(this, call)),
      DeltaAggregatedResources: (call) => this.open(new DeltaStream(this, call)),
    });
    const port = await new Promise((resolve, reject) => {
      this.server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, n) => (error ? reject(error) : resolve(n)));
    });
    return port;
  }

  stop() {
    this.server.forceShutdown();
    this.streams.clear();
  }

  open(stream) {
    stream.id = ++this.streamCount;
    this.streams.add(stream);
    stream.call.on('data', (request) => {
      const note = {form: stream.form, stream: stream.id, ...request};
      this.requests.push(note);
      stream.take(request);
      this.emit('request', note);
    });
    const gone = () => this.streams.delete(stream);
    stream.call.on('end', () => { gone(); stream.call.end(); });
    stream.call.on('error', gone);
    stream.call.on('cancelled', gone);
    this.emit('stream', stream);
  }

  // The first request, already made or yet to come, that `matches`.
  async request(matches, from = 0) {
    for (let at = from; ; ++at) {
      while (at >= this.requests.length) await new Promise((resolve) => this.once('request', resolve));
      if (matches(this.requests[at])) return this.requests[at];
    }
  }
}

class SotwStream {
  constructor(server, call) {
    Object.assign(this, {server, call, form: 'sotw', types: new Map(), nonces: 0});
  }
  take(request) {
    const url = request.type_url;
    const first = !this.types.has(url);
    if (first) this.types.set(url, {names: new Set(), nonce: '', sent: ''});
    const state = this.types.get(url);
    if (!first && request.response_nonce !== state.nonce) return; // about an older response: a later one follows
    const added = request.resource_names.some((name) => !state.names.has(name));
    state.names = new Set(request.resource_names);
    if (first || added) this.send(url);
  }
  push(url) {
    if (this.types.has(url)) this.send(url);
  }
  send(url) {
    const state = this.types.get(url);
    const all = this.server.resources[url];
    if (all === undefined) return;
    const names = WHOLE.includes(url) && state.names.size === 0 ? [...all.keys()] : [...state.names].filter((name) => all.has(name));
    state.nonce = `sotw-${++this.nonces}`;
    this.call.write({
      version_info: String(this.server.version), type_url: url, nonce: state.nonce,
      control_plane: {identifier: 'node-management-server'}, resources: names.map((name) => all.get(name).any),
    });
  }
}

class DeltaStream {
  constructor(server, call) {
    Object.assign(this, {server, call, form: 'delta', types: new Map(), nonces: 0});
  }
  take(request) {
    const url = request.type_url;
    const first = !this.types.has(url);
    if (first) {
      const wildcard = WHOLE.includes(url) && request.resource_names_subscribe.length === 0;
      this.types.set(url, {wildcard, names: new Set(), known: new Map(Object.entries(request.initial_resource_versions))});
    }
    const state = this.types.get(url);
    for (const name of request.resource_names_subscribe) {
      if (name === '*') state.wildcard = true; else state.names.add(name);
    }
    for (const name of request.resource_names_unsubscribe) {
      if (name === '*') state.wildcard = false;
      state.names.delete(name);
      state.known.delete(name);
    }
    if (first || request.resource_names_subscribe.length > 0) this.send(url, request.resource_names_subscribe);
  }
  push(url) {
    if (this.types.has(url)) this.send(url, []);
  }
  send(url, asked) {
    const state = this.types.get(url);
    const all = this.server.resources[url] ?? new Map();
    const wanted = state.wildcard ? new Set([...all.keys(), ...state.names]) : state.names;
    const resources = [];
    const removed = [];
    for (const name of wanted) {
      const have = all.get(name);
      if (have !== undefined && (state.known.get(name) !== have.version || asked.includes(name))) {
        resources.push({name, version: have.version, resource: have.any});
        state.known.set(name, have.version);
      } else if (have === undefined && (state.known.has(name) || asked.includes(name))) {
        removed.push(name);
        state.known.delete(name);
      }
    }
    for (const name of [...state.known.keys()]) {
      if (wanted.has(name)) continue;
      if (state.wildcard) removed.push(name);
      state.known.delete(name);
    }
    if (resources.length === 0 && removed.length === 0) return;
    this.call.write({
      system_version_info: String(this.server.version), type_url: url, nonce: `delta-${++this.nonces}`, resources, removed_resources: removed,
      control_plane: {identifier: 'node-management-server'},
    });
  }
}

module.exports = {ManagementServer, TYPES};
