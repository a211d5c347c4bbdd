// Media elements: every <audio> plays the song; a <video> that is no sound source shows its own picture, stepped.
const media = new Map();
const film = { begun: false, startMs: 0, playing: false, stepped: false, helped: false };
const mediaReal = {};
for (const name of ["currentTime", "paused", "ended", "duration", "playbackRate"]) {
  mediaReal[name] = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, name);
}
mediaReal.play = HTMLMediaElement.prototype.play;
mediaReal.pause = HTMLMediaElement.prototype.pause;

const isSong = (element) => element instanceof HTMLAudioElement || (media.get(element) || {}).source;
function stateOf(element) {
  let state = media.get(element);
  if (!state) {
    state = { paused: true, ended: false, time: 0, at: 0, rate: 1, lastUpdate: -1e9, segments: [], told: null };
    media.set(element, state);
  }
  return state;
}
const lengthOf = (element) => (isSong(element) ? settings.durationS : mediaReal.duration.get.call(element) || 0);
// Before the first frame nothing moves: what has been started starts with the film.
const songClock = () => (film.begun ? clock.now : film.startMs || clock.now) / 1000;

function timeOf(element) {
  const state = stateOf(element);
  if (state.paused || !film.begun) return state.time;
  return Math.min(state.time + Math.max(0, clock.now / 1000 - state.at) * state.rate, lengthOf(element));
}
// Close the running stretch of sound and, if it goes on, begin another: analysers look back at these.
function restretch(element, time) {
  const state = stateOf(element);
  const now = songClock();
  const open = state.segments[state.segments.length - 1];
  if (open && open.end === Infinity) open.end = now;
  state.time = time;
  state.at = now;
  if (!state.paused) state.segments.push({ start: now, end: Infinity, from: time, rate: state.rate });
  audioChanged();
}
function tell(element, ...names) {
  // Not at once: a page sets its handlers after calling play().
  queueMicrotask(() => names.forEach((name) => element.dispatchEvent(new Event(name))));
}

// The song is loaded as soon as an element names one, whatever file that is, and whether it is there.
const LOADING = ["loadedmetadata", "durationchange", "loadeddata", "canplay", "canplaythrough"];
function sourceOf(element) {
  const inner = element.querySelector("source");
  return element.getAttribute("src") || (inner && inner.src) || (element.srcObject ? "a stream" : "");
}
function announce(element) {
  const state = stateOf(element);
  const source = sourceOf(element);
  if (state.told === source) return;
  state.told = source;
  tell(element, ...LOADING);
}
let loose = [];
// All there are, in the page, in its shadow trees, and made by scripts and nowhere yet.
function players(selector) {
  loose = loose.filter((kept) => kept.deref());
  return new Set([...trees().flatMap((tree) => [...tree.querySelectorAll(selector)]), ...loose.map((kept) => kept.deref())].filter(Boolean));
}
function announceLoaded() {
  for (const element of players("audio")) {
    if (sourceOf(element) && (element.preload !== "none" || element.autoplay)) announce(element);
  }
}
replace(HTMLMediaElement.prototype, "load", (old) => function () {
  stateOf(this).told = null;
  return old.call(this);
});

HTMLMediaElement.prototype.play = function play() {
  const state = stateOf(this);
  if (!isSong(this)) mediaReal.pause.call(this);
  else if (this.controls) showControls(this, timeOf(this));
  if (!state.paused) return real.Promise.resolve();
  const from = state.ended ? 0 : timeOf(this);
  state.paused = state.ended = false;
  restretch(this, from);
  if (isSong(this)) film.playing = true;
  if (this instanceof HTMLAudioElement) announce(this);
  tell(this, "play", "playing");
  return real.Promise.resolve();
};
HTMLMediaElement.prototype.pause = function pause() {
  const state = stateOf(this);
  if (state.paused) return;
  const at = timeOf(this);
  state.paused = true;
  mediaReal.pause.call(this);
  restretch(this, at);
  tell(this, "timeupdate", "pause");
};
replaceGetter(HTMLMediaElement.prototype, "paused", function () { return stateOf(this).paused; });
replaceGetter(HTMLMediaElement.prototype, "ended", function () { return stateOf(this).ended; });
replaceGetter(HTMLMediaElement.prototype, "currentTime", function () { return timeOf(this); }, function (value) {
  const state = stateOf(this);
  state.ended = false;
  restretch(this, Math.min(Math.max(0, Number(value) || 0), lengthOf(this)));
  tell(this, "seeking", "timeupdate", "seeked");
});
replaceGetter(HTMLMediaElement.prototype, "duration", function (get) { return isSong(this) ? settings.durationS : get.call(this); });
replaceGetter(HTMLMediaElement.prototype, "playbackRate", function () { return stateOf(this).rate; }, function (value) {
  const at = timeOf(this);
  stateOf(this).rate = Number(value) || 0;
  restretch(this, at);
  tell(this, "ratechange");
});
replaceGetter(HTMLMediaElement.prototype, "readyState", function (get) { return isSong(this) ? 4 : get.call(this); });
replaceGetter(HTMLMediaElement.prototype, "error", function (get) { return isSong(this) ? null : get.call(this); });
replaceGetter(HTMLMediaElement.prototype, "seeking", () => false);
const wholeSong = { length: 1, start: () => 0, end: () => settings.durationS };
for (const name of ["buffered", "seekable"]) {
  replaceGetter(HTMLMediaElement.prototype, name, function (get) { return isSong(this) ? wholeSong : get.call(this); });
}
// What a real element does behind the page's back is none of the page's business: it hears of the film's song.
const ownEvents = ["play", "playing", "pause", "timeupdate", "seeking", "seeked", "ended", "ratechange", "waiting"];
function hush(target) {
  for (const name of ownEvents) {
    target.addEventListener(name, (event) => { if (event.isTrusted && isSong(event.target)) event.stopImmediatePropagation(); }, true);
  }
  // The page's own file may load at any time, or be missing; the song is there all the same.
  for (const name of [...LOADING, "error"]) {
    target.addEventListener(name, (event) => {
      const element = event.target instanceof HTMLSourceElement ? event.target.parentElement : event.target;
      if (event.isTrusted && element instanceof HTMLAudioElement) event.stopImmediatePropagation();
    }, true);
  }
}
hush(window);
function standIn(element) {
  loose.push(new WeakRef(element));
  hush(element);
}
// Chromium draws an element's controls: it has to be playing, at the song's time, and going nowhere by itself.
function showControls(element, time) {
  if (mediaReal.paused.get.call(element)) {
    mediaReal.playbackRate.set.call(element, 0);
    mediaReal.play.call(element).catch(() => {});
  }
  mediaReal.currentTime.set.call(element, time);
}
window.Audio = new Proxy(window.Audio, {
  construct: (Target, args, maker) => {
    const element = Reflect.construct(Target, args, maker);
    standIn(element);
    return element;
  },
});
replace(Document.prototype, "createElement", (old) => function (...args) {
  const element = old.apply(this, args);
  if (element instanceof HTMLAudioElement) standIn(element);
  return element;
});

function startAutoplay() {
  for (const element of players("audio,video")) {
    if (element.autoplay && sourceOf(element) && stateOf(element).paused && !stateOf(element).seen) {
      stateOf(element).seen = true;
      element.play();
    }
  }
}

// Time has moved: tell of it as a playing element would, and show videos where they are.
async function stepMedia() {
  for (const [element, state] of media) {
    if (state.paused) continue;
    const time = timeOf(element);
    if (time >= lengthOf(element) && lengthOf(element) > 0) {
      if (element.loop) {
        restretch(element, 0);
      } else {
        state.paused = state.ended = true;
        restretch(element, lengthOf(element));
        for (const name of ["timeupdate", "pause", "ended"]) element.dispatchEvent(new Event(name));
        continue;
      }
    }
    if (clock.now - state.lastUpdate >= 250) {
      state.lastUpdate = clock.now;
      element.dispatchEvent(new Event("timeupdate"));
    }
    stepCues(element, time);
    if (element instanceof HTMLVideoElement && element.videoWidth) await showVideo(element, time);
    else if (element.controls && isSong(element)) showControls(element, time);
  }
}
// Words that come with the sound: their cues begin and end at the song's time.
const cuesShown = new WeakMap();
// Before the page can listen to a track, it is kept from hearing what the real element makes of it.
const hushedTracks = new WeakSet();
function hushTrack(track) {
  if (!track || hushedTracks.has(track)) return track;
  hushedTracks.add(track);
  track.addEventListener("cuechange", (event) => { if (event.isTrusted) event.stopImmediatePropagation(); }, true);
  return track;
}
replaceGetter(HTMLTrackElement.prototype, "track", function (get) { return isSong(this.parentElement) ? hushTrack(get.call(this)) : get.call(this); });
replaceGetter(HTMLMediaElement.prototype, "textTracks", function (get) {
  const tracks = get.call(this);
  if (isSong(this)) [...tracks].forEach(hushTrack);
  return tracks;
});
replace(HTMLMediaElement.prototype, "addTextTrack", (old) => function (...args) { return hushTrack(old.apply(this, args)); });
replaceGetter(TextTrack.prototype, "activeCues", function (get) { return cuesShown.get(this) || get.call(this); });
function stepCues(element, time) {
  for (const track of isSong(element) ? element.textTracks : []) {
    if (track.mode === "disabled" || !track.cues) continue;
    const before = cuesShown.get(track) || [];
    const cues = [...track.cues].filter((cue) => cue.startTime <= time && time < cue.endTime);
    if (cues.length === before.length && cues.every((cue, i) => cue === before[i])) continue;
    cuesShown.set(track, Object.assign(cues, { getCueById: (id) => cues.find((cue) => cue.id === id) || null }));
    for (const cue of before) if (!cues.includes(cue)) cue.dispatchEvent(new Event("exit"));
    for (const cue of cues) if (!before.includes(cue)) cue.dispatchEvent(new Event("enter"));
    track.dispatchEvent(new Event("cuechange"));
    for (const own of element.querySelectorAll("track")) if (own.track === track) own.dispatchEvent(new Event("cuechange"));
  }
}

// What waits for a video's next picture.
const videoWaits = new Map();
replace(HTMLVideoElement.prototype, "requestVideoFrameCallback", () => function (callback) {
  const id = clock.nextId++;
  videoWaits.set(id, { element: this, callback });
  return id;
});
replace(HTMLVideoElement.prototype, "cancelVideoFrameCallback", () => function (id) { videoWaits.delete(id); });
let pictures = 0;
function tellVideoFrames() {
  for (const [id, { element, callback }] of [...videoWaits]) {
    if (stateOf(element).paused || !element.videoWidth) continue;
    videoWaits.delete(id);
    call(callback, clock.now, {
      presentationTime: clock.now, expectedDisplayTime: clock.now, width: element.videoWidth, height: element.videoHeight,
      mediaTime: timeOf(element), presentedFrames: ++pictures,
    });
  }
}
function showVideo(element, time) {
  return new real.Promise((done) => {
    element.addEventListener("seeked", () => done(), { once: true });
    real.setTimeout(done, 2000);
    mediaReal.currentTime.set.call(element, time);
  });
}
