// Web Audio: the page builds its graph in a context that never sounds. For each stretch of the song the graph is
// copied into an OfflineAudioContext, which is stopped at every frame's time; there Chromium's own analysers answer.
const RealOffline = window.OfflineAudioContext;
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
      orielBegan: { value: clock.now },
    });
    contexts.add(this);
  }
  get currentTime() { return Math.max(0, (clock.now - this.orielBegan) / 1000); }
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
      queueMicrotask(() => this.dispatchEvent(new Event("statechange")));
    }
    return real.Promise.resolve();
  }
  createMediaElementSource(element) { return mediaSource(this, element); }
  createMediaStreamSource(stream) { return mediaSource(this, null, stream); }
  createMediaStreamDestination() {
    const node = this.createGain();
    node.stream = new MediaStream();
    return node;
  }
}
Object.defineProperty(PageAudioContext, "name", { value: "AudioContext" });
window.AudioContext = window.webkitAudioContext = PageAudioContext;

// The song's samples enter the graph here; in a stretch, a buffer stands in its place.
function mediaSource(context, element, stream) {
  const node = context.createGain();
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
replace(Worklet.prototype, "addModule", (old) => function (url, options) {
  for (const context of contexts) if (context.audioWorklet === this) context.orielModules.push(new URL(url, document.baseURI).href);
  return track(old.call(this, url, options), "an audio worklet");
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

// Copies of nodes into a stretch.
const SCHEDULES = ["setValueAtTime", "linearRampToValueAtTime", "exponentialRampToValueAtTime", "setTargetAtTime", "setValueCurveAtTime"];
const paramLog = new WeakMap();
const paramCopies = new WeakMap();
for (const name of SCHEDULES) {
  replace(AudioParam.prototype, name, (old) => function (...args) {
    const log = paramLog.get(this) || [];
    paramLog.set(this, log);
    log.push({ name, args });
    audioChanged();
    return old.apply(this, args);
  });
}
for (const name of ["cancelScheduledValues", "cancelAndHoldAtTime"]) {
  replace(AudioParam.prototype, name, (old) => function (from) {
    const log = paramLog.get(this);
    if (log) paramLog.set(this, log.filter((event) => event.args[1] < from));
    audioChanged();
    return old.call(this, from);
  });
}
replaceGetter(AudioParam.prototype, "value", function (get) {
  const copy = paramCopies.get(this);
  return get.call(copy && paramLog.has(this) ? copy : this);
}, function (value, set) {
  set.call(this, value);
  const copy = paramCopies.get(this);
  if (copy) set.call(copy, value);
});
const setParam = Object.getOwnPropertyDescriptor(AudioParam.prototype, "value").set;

function copySettings(from, to, shiftS) {
  for (let proto = Object.getPrototypeOf(from); proto && proto !== EventTarget.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const [name, facts] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (!facts.get || name.startsWith("on")) continue;
      const value = from[name];
      if (value instanceof AudioParam) copyParam(value, to[name], shiftS);
      else if (facts.set && value !== null && to[name] !== value) {
        try { to[name] = value; } catch { /* not for this kind of node */ }
      }
    }
  }
}
function copyParam(from, to, shiftS) {
  if (!to) return;
  to.value = from.value;
  paramCopies.set(from, to);
  for (const { name, args } of paramLog.get(from) || []) {
    const moved = [...args];
    moved[1] = Math.max(0, moved[1] - shiftS);
    try { AudioParam.prototype[name].call(to, ...moved); } catch { /* two curves fell on one another */ }
  }
  paramLog.delete(to);
}
function kindOf(node) {
  for (let proto = Object.getPrototypeOf(node); proto; proto = Object.getPrototypeOf(proto)) {
    const name = proto[Symbol.toStringTag];
    if (name && window[name]) return name;
  }
  return "GainNode";
}

class Stretch {
  constructor(context, startS, lengthS) {
    this.page = context;
    this.startS = startS;
    this.rate = context.sampleRate;
    this.samples = Math.ceil((lengthS * this.rate) / QUANTUM + 2) * QUANTUM;
    this.offline = new RealOffline(1, this.samples, this.rate);
    this.copies = new Map([[context.destination, this.offline.destination]]);
    this.at = -1;
  }
  async build() {
    for (const url of this.page.orielModules) await this.offline.audioWorklet.addModule(url);
    for (const node of this.page.orielNodes) if (!this.copies.has(node)) this.copies.set(node, await this.copy(node));
    for (const { from, to, output, input } of this.page.orielEdges) {
      const source = this.copies.get(from);
      const target = to instanceof AudioParam ? paramCopies.get(to) : this.copies.get(to);
      if (!source || !target) continue;
      if (target instanceof AudioParam) source.connect(target, output);
      else source.connect(target, output, input);
    }
  }
  async copy(node) {
    const facts = nodeFacts.get(node) || {};
    if (facts.song) return this.songNode(node, facts.song);
    if (facts.processor) return this.processor(node, facts.processor);
    if (node instanceof AudioWorkletNode) return this.worklet(node, facts.args);
    const kind = kindOf(node);
    const options = facts.args && facts.args[0] ? { ...facts.args[0] } : {};
    if (node instanceof ChannelSplitterNode) options.numberOfOutputs = node.numberOfOutputs;
    if (node instanceof ChannelMergerNode) options.numberOfInputs = node.numberOfInputs;
    const copy = new window[kind](this.offline, options);
    copySettings(node, copy, this.startS);
    if (facts.start) this.startCopy(copy, facts);
    return copy;
  }
  startCopy(copy, facts) {
    const { when, offset, duration } = facts.start;
    const late = Math.max(0, this.startS - when);
    const rate = copy.playbackRate ? copy.playbackRate.value : 1;
    if (copy instanceof AudioBufferSourceNode) {
      const args = [Math.max(0, when - this.startS), offset + late * rate];
      if (duration !== undefined) args.push(Math.max(0, duration - late * rate));
      if (copy.loop || !copy.buffer || args[1] < copy.buffer.duration) copy.start(...args);
    } else {
      copy.start(Math.max(0, when - this.startS));
    }
    if (facts.stop !== undefined) try { copy.stop(Math.max(0, facts.stop - this.startS)); } catch { /* never started */ }
  }
  // The song as this source plays it during the stretch, in one buffer that begins with it.
  async songNode(node, source) {
    const left = new Float32Array(this.samples);
    const right = new Float32Array(this.samples);
    const filmS = (film.startMs - this.page.orielBegan) / 1000;
    const pageOffsetS = this.page.orielBegan / 1000;
    const segments = source instanceof HTMLMediaElement
      ? stateOf(source).segments.map((s) => ({ ...s, start: s.start - pageOffsetS, end: s.end - pageOffsetS }))
      : [{ start: filmS, end: Infinity, from: 0, rate: 1 }];
    const volume = source instanceof HTMLMediaElement ? (source.muted ? 0 : source.volume) : 1;
    for (const { start, end, from, rate } of segments) {
      const first = Math.max(0, Math.round((start - this.startS) * this.rate));
      const stop = Math.min(this.samples, end === Infinity ? this.samples : Math.round((end - this.startS) * this.rate));
      if (stop <= first || rate <= 0) continue;
      const songFirst = Math.round((from + (this.startS + first / this.rate - start) * rate) * this.rate);
      const count = stop - first;
      const part = await readSong(songFirst, Math.ceil(count * rate), this.rate);
      for (let i = 0; i < count; i++) {
        const at = rate === 1 ? i : Math.floor(i * rate);
        left[first + i] = part[0][at] * volume;
        right[first + i] = part[1][at] * volume;
      }
    }
    const buffer = new AudioBuffer({ numberOfChannels: 2, length: this.samples, sampleRate: this.rate });
    buffer.copyToChannel(left, 0);
    buffer.copyToChannel(right, 1);
    const copy = new AudioBufferSourceNode(this.offline, { buffer });
    copy.start(0);
    return copy;
  }
  processor(node, sizes) {
    const copy = this.offline.createScriptProcessor(...sizes);
    copy.onaudioprocess = (event) => {
      const sound = new Event("audioprocess");
      for (const name of ["inputBuffer", "outputBuffer"]) Object.defineProperty(sound, name, { value: event[name] });
      Object.defineProperty(sound, "playbackTime", { value: event.playbackTime + this.startS });
      node.dispatchEvent(sound);
    };
    copy.connect(this.offline.destination);
    return copy;
  }
  worklet(node, [name, options]) {
    const copy = new AudioWorkletNode(this.offline, name, options);
    copySettings(node, copy, this.startS);
    for (const [key, param] of node.parameters) copyParam(param, copy.parameters.get(key), this.startS);
    factsOf(node).live = copy.port;
    copy.port.onmessage = (event) => {
      if (this.page.orielStretch === this) node.port.dispatchEvent(new MessageEvent("message", { data: event.data }));
    };
    copy.connect(this.offline.destination);
    return copy;
  }
  // Stop at a time of the page's clock, rounded up to a whole quantum as Chromium does.
  async goTo(timeS) {
    const quantum = Math.max(0, Math.ceil(((timeS - this.startS) * this.rate) / QUANTUM - 1e-6));
    if (quantum <= this.at || quantum * QUANTUM >= this.samples) return;
    const stopped = this.offline.suspend((quantum * QUANTUM) / this.rate);
    if (this.at < 0) this.done = this.offline.startRendering();
    else this.offline.resume();
    this.at = quantum;
    await stopped;
  }
  has(timeS) { return timeS >= this.startS && Math.ceil(((timeS - this.startS) * this.rate) / QUANTUM) * QUANTUM < this.samples; }
  // A context left standing would keep its thread and its memory: let it run out.
  leave() { if (this.at >= 0) this.offline.resume().catch(() => {}); }
}
// Messages to a worklet go to the copy that runs.
function bridgePort(node) {
  const post = node.port.postMessage.bind(node.port);
  node.port.postMessage = (...args) => {
    const live = factsOf(node).live;
    if (live) live.postMessage(...args);
    else post(...args);
  };
}

function prerollS(context) {
  let longest = 0.2;
  for (const node of context.orielNodes) {
    if (!(node instanceof AnalyserNode)) continue;
    const smoothing = Math.min(0.999, node.smoothingTimeConstant);
    const frames = smoothing > 0 ? Math.log(1e-5) / Math.log(smoothing) : 0;
    longest = Math.max(longest, frames / settings.fps + node.fftSize / context.sampleRate);
  }
  return Math.min(longest, LONGEST_PREROLL_S);
}
async function openStretch(context, timeS) {
  if (context.orielStretch) context.orielStretch.leave();
  // Whole quanta from the film's first instant, so that every stretch rounds the frames' times alike.
  const filmS = (film.startMs - context.orielBegan) / 1000;
  const quantumS = QUANTUM / context.sampleRate;
  const back = Math.ceil((timeS - filmS - prerollS(context)) / quantumS);
  const startS = filmS + Math.max(0, back) * quantumS;
  const stretch = new Stretch(context, startS, timeS - startS + STRETCH_S);
  context.orielStale = false;
  await stretch.build();
  // Smoothing remembers each time it was asked: ask at every frame before, as the page has.
  const frameS = 1 / settings.fps;
  const asked = [...stretch.copies].filter(([node]) => node instanceof AnalyserNode && factsOf(node).asked);
  const spectrum = new Float32Array(16384);
  const before = Math.floor((timeS - startS) / frameS + 1e-6);
  for (let n = before; n >= 1 && asked.length; n--) {
    await stretch.goTo(timeS - n * frameS);
    for (const [, copy] of asked) analyserReal.getFloatFrequencyData.call(copy, spectrum);
  }
  context.orielStretch = stretch;
}
async function stepAudio() {
  for (const context of contexts) {
    if (context.orielState === "closed" || !film.begun || !context.orielNodes.size) continue;
    const timeS = (clock.now - context.orielBegan) / 1000;
    if (context.orielStale || !context.orielStretch || !context.orielStretch.has(timeS)) await openStretch(context, timeS);
    await context.orielStretch.goTo(timeS);
  }
}

const analyserReal = {};
for (const name of ["getByteFrequencyData", "getFloatFrequencyData", "getByteTimeDomainData", "getFloatTimeDomainData"]) {
  analyserReal[name] = AnalyserNode.prototype[name];
  replace(AnalyserNode.prototype, name, (old) => function (array) {
    const context = offlineOf(this.context);
    if (!context) return old.call(this, array);
    if (name.includes("Frequency")) factsOf(this).asked = true;
    const copy = context.orielStretch && context.orielStretch.copies.get(this);
    return old.call(copy || this, array);
  });
}
for (const name of ["fftSize", "smoothingTimeConstant", "minDecibels", "maxDecibels"]) {
  replaceGetter(AnalyserNode.prototype, name, function (get) { return get.call(this); }, function (value, set) {
    set.call(this, value);
    const context = offlineOf(this.context);
    const copy = context && context.orielStretch && context.orielStretch.copies.get(this);
    if (copy) set.call(copy, value);
  });
}

// A page that listens to the microphone or to a tab hears the song.
if (navigator.mediaDevices) {
  for (const name of ["getUserMedia", "getDisplayMedia"]) {
    navigator.mediaDevices[name] = async () => new MediaStream();
  }
}
HTMLMediaElement.prototype.captureStream = function captureStream() { return new MediaStream(); };
