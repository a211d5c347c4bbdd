// A stretch of the song: the page's audio graph copied into a context that is stopped at every frame.
// What a page schedules is done to the copy that runs at once, and written down for the copies of later stretches.
const SCHEDULES = ["setValueAtTime", "linearRampToValueAtTime", "exponentialRampToValueAtTime", "setTargetAtTime", "setValueCurveAtTime"];
// Of a page that schedules in every frame, the last of them are what a later stretch needs.
const MOST_SCHEDULED = 2000;
const paramReal = {};
const paramLog = new WeakMap();
const paramCopies = new WeakMap();
const paramShifts = new WeakMap();
// `place`: which argument is a time of the page's clock.
function toCopy(copy, name, place, args) {
  const moved = [...args];
  moved[place] = Math.max(0, moved[place] - paramShifts.get(copy));
  try { paramReal[name].apply(copy, moved); } catch { /* two curves fell on one another */ }
}
for (const name of SCHEDULES) {
  replace(AudioParam.prototype, name, (old) => {
    paramReal[name] = old;
    return function (...args) {
      const result = old.apply(this, args);
      const log = paramLog.get(this) || [];
      paramLog.set(this, log);
      log.push({ name, args });
      if (log.length > MOST_SCHEDULED) log.shift();
      if (paramCopies.has(this)) toCopy(paramCopies.get(this), name, 1, args);
      return result;
    };
  });
}
for (const name of ["cancelScheduledValues", "cancelAndHoldAtTime"]) {
  replace(AudioParam.prototype, name, (old) => {
    paramReal[name] = old;
    return function (from) {
      const result = old.call(this, from);
      const log = paramLog.get(this);
      if (log) paramLog.set(this, log.filter((event) => event.args[1] < from));
      if (paramCopies.has(this)) toCopy(paramCopies.get(this), name, 0, [from]);
      return result;
    };
  });
}
const { get: getParam, set: setParam } = Object.getOwnPropertyDescriptor(AudioParam.prototype, "value");
replaceGetter(AudioParam.prototype, "value", function (get) {
  const copy = paramCopies.get(this);
  return get.call(copy && paramLog.has(this) ? copy : this);
}, function (value, set) {
  set.call(this, value);
  const copy = paramCopies.get(this);
  if (copy) set.call(copy, value);
});

function copySettings(from, to, shiftS, nowS) {
  for (let proto = Object.getPrototypeOf(from); proto && proto !== EventTarget.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const [name, facts] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (!facts.get || name.startsWith("on")) continue;
      const value = from[name];
      if (value instanceof AudioParam) copyParam(value, to[name], shiftS, nowS);
      else if (facts.set && value !== null && to[name] !== value) {
        try { to[name] = value; } catch { /* not for this kind of node */ }
      }
    }
  }
}
function copyParam(from, to, shiftS, nowS) {
  if (!to) return;
  const old = paramCopies.get(from);
  const value = old && getParam.call(old);
  to.value = from.value;
  paramCopies.set(from, to);
  paramShifts.set(to, shiftS);
  const log = paramLog.get(from) || [];
  if (!old || !log.length) {
    for (const { name, args } of log) toCopy(to, name, 1, args);
    return;
  }
  // What is over has left its mark on the copy that ran so far: it is gone on from there.
  paramReal.setValueAtTime.call(to, value, Math.max(0, nowS - shiftS));
  for (const { name, args } of log) {
    if (args[1] > nowS) toCopy(to, name, 1, args);
    else if (name === "setTargetAtTime" && log.at(-1).args === args) toCopy(to, name, 1, [args[0], nowS, args[2]]);
  }
}
function kindOf(node) {
  for (let proto = Object.getPrototypeOf(node); proto; proto = Object.getPrototypeOf(proto)) {
    const name = proto[Symbol.toStringTag];
    if (name && window[name]) return name;
  }
  return "GainNode";
}

class Stretch {
  // From `startS` of the page's context on; it is heard from `nowS` on.
  constructor(context, startS, nowS, lengthS) {
    this.page = context;
    this.startS = startS;
    this.nowS = nowS;
    this.rate = context.sampleRate;
    this.samples = Math.ceil((lengthS * this.rate) / QUANTUM + 2) * QUANTUM;
    this.offline = new RealOffline(1, this.samples, this.rate);
    this.copies = new Map([[context.destination, this.offline.destination]]);
    this.volumes = [];
    this.at = -1;
  }
  async build() {
    for (const url of this.page.orielModules) await this.offline.audioWorklet.addModule(url);
    for (const node of this.page.orielNodes) if (!this.copies.has(node)) this.copies.set(node, await this.copy(node));
    for (const { from, to, output, input } of this.page.orielEdges) {
      const source = this.copies.get(from);
      const target = to instanceof AudioParam ? paramCopies.get(to) : this.copies.get(to);
      if (!source || !target) continue;
      if (target instanceof AudioParam) connectReal.call(source, target, output);
      else connectReal.call(source, target, output, input);
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
    copySettings(node, copy, this.startS, this.nowS);
    if (facts.wave) copy.setPeriodicWave(facts.wave);
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
    for (const { start, end, from, rate } of segments) {
      const first = Math.max(0, Math.round((start - this.startS) * this.rate));
      const stop = Math.min(this.samples, end === Infinity ? this.samples : Math.round((end - this.startS) * this.rate));
      if (stop <= first || rate <= 0) continue;
      const songFirst = Math.round((from + (this.startS + first / this.rate - start) * rate) * this.rate);
      const count = stop - first;
      const part = await readSong(songFirst, Math.ceil(count * rate), this.rate);
      for (let i = 0; i < count; i++) {
        const at = rate === 1 ? i : Math.floor(i * rate);
        left[first + i] = part[0][at];
        right[first + i] = part[1][at];
      }
    }
    const buffer = new AudioBuffer({ numberOfChannels: 2, length: this.samples, sampleRate: this.rate });
    buffer.copyToChannel(left, 0);
    buffer.copyToChannel(right, 1);
    const sound = new AudioBufferSourceNode(this.offline, { buffer });
    sound.start(0);
    if (!(source instanceof HTMLMediaElement)) return sound;
    const volume = new GainNode(this.offline, { gain: loudness(source) });
    connectReal.call(sound, volume);
    this.volumes.push({ element: source, gain: volume.gain });
    return volume;
  }
  processor(node, sizes) {
    const copy = this.offline.createScriptProcessor(...sizes);
    copy.onaudioprocess = (event) => {
      if (!this.isHeard) return;
      const sound = new Event("audioprocess");
      for (const name of ["inputBuffer", "outputBuffer"]) Object.defineProperty(sound, name, { value: event[name] });
      Object.defineProperty(sound, "playbackTime", { value: event.playbackTime + this.startS });
      node.dispatchEvent(sound);
    };
    connectReal.call(copy, this.offline.destination);
    return copy;
  }
  worklet(node, [name, options]) {
    const copy = new AudioWorkletNode(this.offline, name, options);
    copySettings(node, copy, this.startS, this.nowS);
    for (const [key, param] of node.parameters) copyParam(param, copy.parameters.get(key), this.startS, this.nowS);
    factsOf(node).live = copy.port;
    for (const message of factsOf(node).posted || []) copy.port.postMessage(message);
    copy.port.onmessage = (event) => {
      if (this.isHeard) node.port.dispatchEvent(new MessageEvent("message", { data: event.data }));
    };
    connectReal.call(copy, this.offline.destination);
    return copy;
  }
  // Stop at a time of the page's clock, rounded up to a whole quantum as Chromium does.
  async goTo(timeS) {
    const quantum = Math.max(0, Math.ceil(((timeS - this.startS) * this.rate) / QUANTUM - 1e-6));
    if (quantum <= this.at || quantum * QUANTUM >= this.samples) return;
    const stopped = this.offline.suspend((quantum * QUANTUM) / this.rate);
    if (this.at < 0) this.done = real.startRendering.call(this.offline);
    else this.offline.resume();
    this.at = quantum;
    await stopped;
  }
  has(timeS) { return timeS >= this.startS && Math.ceil(((timeS - this.startS) * this.rate) / QUANTUM) * QUANTUM < this.samples; }
  // Only what is at the page's own time is the page's to hear.
  get isHeard() { return this.page.orielStretch === this; }
  // A context left standing would keep its thread and its memory: let it run out, with nothing left to do.
  leave() {
    if (this.at < 0) return;
    for (const copy of this.copies.values()) if (copy.numberOfOutputs) disconnectReal.call(copy);
    this.offline.resume().catch(() => {});
  }
}
const loudness = (element) => (element.muted ? 0 : element.volume);
for (const name of ["volume", "muted"]) {
  replaceGetter(HTMLMediaElement.prototype, name, function (get) { return get.call(this); }, function (value, set) {
    set.call(this, value);
    for (const context of contexts) {
      for (const { element, gain } of context.orielStretch ? context.orielStretch.volumes : []) if (element === this) setParam.call(gain, loudness(this));
    }
  });
}
// Messages to a worklet go to the copy that runs, and to those that will: what it was told last is what it works by.
const MOST_POSTED = 200;
function bridgePort(node) {
  const facts = factsOf(node);
  facts.posted = [];
  node.port.postMessage = (message, transfer) => {
    try { facts.posted.push(structuredClone(message)); } catch { /* a port, say, can be given to one copy only */ }
    if (facts.posted.length > MOST_POSTED) facts.posted.shift();
    if (facts.live) facts.live.postMessage(message, transfer);
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
  return Math.min(longest + memoryS(context), LONGEST_PREROLL_S);
}
// How long what sounds is still heard after it is over.
function memoryS(context) {
  let sum = 0;
  for (const node of context.orielNodes) {
    if (node instanceof DelayNode) sum += getParam.call(node.delayTime);
    else if (node instanceof ConvolverNode && node.buffer) sum += node.buffer.duration;
  }
  return sum;
}
async function openStretch(context, timeS) {
  const before = context.orielStretch;
  context.orielStretch = null;
  // Whole quanta from the film's first instant, so that every stretch rounds the frames' times alike.
  const filmS = (film.startMs - context.orielBegan) / 1000;
  const quantumS = QUANTUM / context.sampleRate;
  const back = Math.ceil((timeS - filmS - prerollS(context)) / quantumS);
  const startS = filmS + Math.max(0, back) * quantumS;
  const stretch = new Stretch(context, startS, timeS, timeS - startS + STRETCH_S);
  context.orielStale = false;
  await stretch.build();
  if (before) before.leave();
  // Smoothing remembers each time it was asked: ask at every frame before, as the page has.
  const frameS = 1 / settings.fps;
  const asked = [...stretch.copies].filter(([node]) => node instanceof AnalyserNode && factsOf(node).asked);
  const spectrum = new Float32Array(16384);
  const earlier = Math.floor((timeS - startS) / frameS + 1e-6);
  for (let n = earlier; n >= 1 && asked.length; n--) {
    await stretch.goTo(timeS - n * frameS);
    for (const [, copy] of asked) analyserReal.getFloatFrequencyData.call(copy, spectrum);
  }
  // What it says of the time before this frame's has been said already.
  if (timeS - frameS > startS) {
    await stretch.goTo(timeS - frameS);
    for (let n = 0; n < 3; n++) await turn();
  }
  context.orielStretch = stretch;
}
async function stepAudio() {
  for (const context of contexts) {
    if (context.orielState !== "running" || !film.begun || !context.orielNodes.size) continue;
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
    if (clock.inTimer) clock.timersListen = true;
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
    navigator.mediaDevices[name] = async (wanted) => {
      const stream = silentStream();
      if (name === "getDisplayMedia" || (wanted && wanted.video)) stream.addTrack(document.createElement("canvas").captureStream().getVideoTracks()[0]);
      return stream;
    };
  }
}
HTMLMediaElement.prototype.captureStream = function captureStream() { return silentStream(); };
