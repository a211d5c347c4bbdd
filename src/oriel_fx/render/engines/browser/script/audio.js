// Web Audio: the page builds its graph in a context that never sounds. For each stretch of the song the graph is
// copied into an OfflineAudioContext, which is stopped at every frame's time; there Chromium's own analysers answer.
const RealOffline = window.OfflineAudioContext;
const RealAudioContext = window.AudioContext;
const QUANTUM = 128;
const STRETCH_S = 10;
const LONGEST_PREROLL_S = 20;
const contexts = new Set();
const nodeFacts = new WeakMap();
const songBuffers = new WeakSet();
const microphones = new WeakSet();
const factsOf = (node) => {
  let facts = nodeFacts.get(node);
  if (!facts) nodeFacts.set(node, (facts = {}));
  return facts;
};
const offlineOf = (context) => (contexts.has(context) ? context : null);
function audioChanged() {
  for (const context of contexts) context.orielStale = true;
}

class PageAudioContext extends RealOffline {
  constructor(options) {
    super({ numberOfChannels: 2, length: QUANTUM, sampleRate: (options && options.sampleRate) || settings.audioRateHz });
    Object.defineProperties(this, {
      orielState: { value: "running", writable: true },
      orielEdges: { value: [] },
      orielNodes: { value: new Set() },
      orielStretch: { value: null, writable: true },
      orielStale: { value: true, writable: true },
      orielModules: { value: [] },
      orielBegan: { value: clock.now, writable: true },
      // Where it stands while it is suspended, in milliseconds of the page's clock.
      orielHeld: { value: null, writable: true },
    });
    contexts.add(this);
    // As where sound may begin by itself: at once, and told.
    queueMicrotask(() => this.dispatchEvent(new Event("statechange")));
  }
  get currentTime() { return Math.max(0, ((this.orielHeld ?? clock.now) - this.orielBegan) / 1000); }
  get state() { return this.orielState; }
  get baseLatency() { return 0; }
  get outputLatency() { return 0; }
  getOutputTimestamp() { return { contextTime: this.currentTime, performanceTime: clock.now }; }
  resume() { return this.orielSet("running"); }
  suspend() { return this.orielSet("suspended"); }
  close() { return this.orielSet("closed"); }
  orielSet(state) {
    if (this.orielState !== state) {
      this.orielState = state;
      if (state !== "running") this.orielHeld = this.orielHeld ?? clock.now;
      else {
        // It goes on where it stood: as if it had begun later.
        this.orielBegan += clock.now - this.orielHeld;
        this.orielHeld = null;
        this.orielStale = true;
      }
      queueMicrotask(() => this.dispatchEvent(new Event("statechange")));
    }
    return real.Promise.resolve();
  }
  createMediaElementSource(element) { return mediaSource(this, element); }
  createMediaStreamSource(stream) { return mediaSource(this, null, stream); }
  createMediaStreamDestination() {
    const node = this.createGain();
    node.stream = silentStream();
    streamsOf.set(node.stream, node);
    return node;
  }
}
Object.defineProperty(PageAudioContext, "name", { value: "AudioContext" });
window.AudioContext = window.webkitAudioContext = PageAudioContext;

// Streams have tracks, as pages expect; what is heard of them is found by the stream alone.
let silence = null;
const streamsOf = new WeakMap();
function silentStream() {
  silence ??= new RealAudioContext();
  return silence.createMediaStreamDestination().stream;
}

// The song's samples enter the graph here; in a stretch, a buffer stands in its place.
function mediaSource(context, element, stream) {
  const node = context.createGain();
  const within = streamsOf.get(stream);
  if (within && within.context === context) {
    within.connect(node);
    return node;
  }
  factsOf(node).song = element || stream || {};
  if (element) {
    stateOf(element).source = true;
    Object.setPrototypeOf(node, MediaElementAudioSourceNode.prototype);
    Object.defineProperty(node, "mediaElement", { value: element });
  } else {
    Object.setPrototypeOf(node, MediaStreamAudioSourceNode.prototype);
    Object.defineProperty(node, "mediaStream", { value: stream });
    film.playing = true;
  }
  context.orielNodes.add(node);
  return node;
}
function proxyConstructor(name, construct) {
  const Old = window[name];
  if (Old) window[name] = new Proxy(Old, { construct: (Target, args, maker) => construct(Target, args, maker) });
}
proxyConstructor("MediaElementAudioSourceNode", (Target, [context, options]) => mediaSource(context, options.mediaElement));
proxyConstructor("MediaStreamAudioSourceNode", (Target, [context, options]) => mediaSource(context, null, options.mediaStream));
for (const name of ["AudioWorkletNode", "IIRFilterNode", "DelayNode"]) {
  proxyConstructor(name, (Target, args, maker) => {
    const node = Reflect.construct(Target, args, maker);
    factsOf(node).args = args.slice(1);
    if (name === "AudioWorkletNode" && offlineOf(args[0])) bridgePort(node);
    return node;
  });
}
for (const [name, keys] of [["createDelay", ["maxDelayTime"]], ["createIIRFilter", ["feedforward", "feedback"]]]) {
  replace(BaseAudioContext.prototype, name, (old) => function (...args) {
    const node = old.apply(this, args);
    factsOf(node).args = [Object.fromEntries(args.map((value, i) => [keys[i], value]))];
    return node;
  });
}
replace(BaseAudioContext.prototype, "createScriptProcessor", (old) => function (size, inputs, outputs) {
  const node = old.call(this, size || 2048, inputs === undefined ? 2 : inputs, outputs === undefined ? 2 : outputs);
  factsOf(node).processor = [size || 2048, inputs === undefined ? 2 : inputs, outputs === undefined ? 2 : outputs];
  return node;
});
replace(OscillatorNode.prototype, "setPeriodicWave", (old) => function (wave) {
  factsOf(this).wave = wave;
  return old.call(this, wave);
});
// A module is loaded again for each stretch, when the page may have let go of its own copy.
async function keptModule(url) {
  if (!url.startsWith("blob:")) return url;
  return URL.createObjectURL(await (await real.fetch(url)).blob());
}
replace(Worklet.prototype, "addModule", (old) => function (url, options) {
  const added = (async () => {
    const place = new URL(url, document.baseURI).href;
    const loading = old.call(this, url, options);
    for (const context of contexts) if (context.audioWorklet === this) context.orielModules.push(await keptModule(place));
    return loading;
  })();
  return track(added, "an audio worklet");
});
// What a page decodes at length is the song it plays; the video carries the song that was given.
let songDecoded = new Map();
replace(BaseAudioContext.prototype, "decodeAudioData", (old) => function (data, ok, failed) {
  const promise = (async () => {
    const bytes = data.byteLength;
    let buffer = null;
    let fault = null;
    try { buffer = await old.call(this, data); } catch (error) { fault = error; }
    const own = buffer && bytes !== settings.songBytes && buffer.duration < settings.ownSoundS;
    if (fault && bytes !== settings.songBytes) throw fault;
    if (!own && (!buffer || bytes !== settings.songBytes)) buffer = await wholeSongBuffer(this.sampleRate);
    if (!own) songBuffers.add(buffer);
    return buffer;
  })();
  if (ok) promise.then(ok);
  if (failed) promise.catch(failed);
  return track(promise, "decodeAudioData");
});
async function wholeSongBuffer(rate) {
  if (!songDecoded.has(rate)) {
    const frames = Math.round(settings.durationS * rate);
    const buffer = new AudioBuffer({ numberOfChannels: 2, length: Math.max(1, frames), sampleRate: rate });
    for (let at = 0; at < frames; at += 30 * rate) {
      const part = await readSong(at, Math.min(30 * rate, frames - at), rate);
      buffer.copyToChannel(part[0], 0, at);
      buffer.copyToChannel(part[1], 1, at);
    }
    songDecoded.set(rate, buffer);
  }
  return songDecoded.get(rate);
}
// Left and right, float, from the song's own decoder; silence outside the song.
async function readSong(start, count, rate) {
  const answer = await real.fetch(`${settings.base}/song.pcm?start=${start}&count=${count}&rate=${rate}`);
  if (!answer.ok) throw new Error("the song cannot be read");
  const both = new Float32Array(await real.arrayBuffer.call(answer));
  return [both.subarray(0, count), both.subarray(count)];
}

// Libraries put methods of their own in this one's place (p5.sound does): copies are connected without them.
const connectReal = AudioNode.prototype.connect;
const disconnectReal = AudioNode.prototype.disconnect;
replace(AudioNode.prototype, "connect", (old) => function (target, output, input) {
  const context = offlineOf(this.context);
  if (context) {
    context.orielEdges.push({ from: this, to: target, output: output || 0, input: input || 0 });
    context.orielNodes.add(this);
    if (target instanceof AudioNode) context.orielNodes.add(target);
    context.orielStale = true;
  }
  return old.apply(this, arguments);
});
replace(AudioNode.prototype, "disconnect", (old) => function (target, output, input) {
  const context = offlineOf(this.context);
  if (context) {
    const edges = context.orielEdges;
    const cut = (edge) =>
      edge.from === this &&
      (target === undefined || (typeof target === "number" ? edge.output === target : edge.to === target)) &&
      (output === undefined || edge.output === output) && (input === undefined || edge.input === input);
    for (let i = edges.length - 1; i >= 0; i--) if (cut(edges[i])) edges.splice(i, 1);
    context.orielStale = true;
  }
  return old.apply(this, arguments);
});

// Sources are started for good by the first frame: what was started before starts with the film.
for (const name of ["AudioBufferSourceNode", "AudioScheduledSourceNode"]) {
  const prototype = window[name].prototype;
  replace(prototype, "start", (old) => function (when, offset, duration) {
    const context = offlineOf(this.context);
    const facts = factsOf(this);
    if (context) {
      facts.start = { when: Math.max(Number(when) || 0, context.currentTime), early: !film.begun, offset: Number(offset) || 0, duration };
      context.orielNodes.add(this);
      context.orielStale = true;
      if (this instanceof AudioBufferSourceNode && this.buffer && songBuffers.has(this.buffer)) film.playing = true;
      facts.start.song = this instanceof AudioBufferSourceNode && songBuffers.has(this.buffer);
    }
    return old.apply(this, arguments);
  });
}
replace(AudioScheduledSourceNode.prototype, "stop", (old) => function (when) {
  const context = offlineOf(this.context);
  if (context) {
    factsOf(this).stop = Math.max(Number(when) || 0, context.currentTime);
    context.orielStale = true;
  }
  return old.apply(this, arguments);
});
function stepSources() {
  for (const context of contexts) {
    for (const node of context.orielNodes) {
      const facts = nodeFacts.get(node);
      if (!facts || !facts.start || facts.over) continue;
      const length = node.buffer && !node.loop ? (node.buffer.duration - facts.start.offset) / (node.playbackRate.value || 1) : Infinity;
      const end = Math.min(facts.stop ?? Infinity, facts.start.when + Math.min(length, facts.start.duration ?? Infinity));
      if (context.currentTime < end) continue;
      facts.over = true;
      node.dispatchEvent(new Event("ended"));
    }
  }
}
