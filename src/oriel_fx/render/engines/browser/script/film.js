// Stepping frame by frame, as Oriel asks.
const contract = { config: settings.config, song: settings.song, fps: settings.fps, size: settings.size, transparent: settings.transparent, seekable: false };
contract.audio = async (start, count, rate) => {
  const [left, right] = await readSong(start, count, rate);
  const buffer = new AudioBuffer({ numberOfChannels: 2, length: count, sampleRate: rate });
  buffer.copyToChannel(left, 0);
  buffer.copyToChannel(right, 1);
  return buffer;
};
window.oriel = contract;

const frameMs = (number) => (number * 1000 * settings.fpsDenominator) / settings.fpsNumerator;
let position = -1;

// Frames within the page that have this script too: those of another site cannot be looked into.
function children() {
  const found = [];
  for (let n = 0; n < window.length; n++) {
    try { if (window[n].__oriel) found.push(window[n].__oriel); } catch { /* another site's */ }
  }
  return found;
}
// What a frame within the page does when the page is stepped.
async function follow(byMs, begun, frame) {
  faults.frame = frame;
  if (begun && !film.begun) begin(0);
  await advance(clock.now + byMs);
}

// One step of everything that moves, to the clock's time `until`.
async function advance(until, number) {
  const byMs = until - clock.now;
  shown.frames++;
  announceLoaded();
  await settle();
  await turn();
  await runTimers(until);
  startAutoplay();
  await stepMedia();
  stepSources();
  await stepAudio();
  // Messages of worklets and finished loads arrive, then the page draws.
  await turn();
  stepAnimations();
  tellVideoFrames();
  await runFrameCallbacks();
  if (number !== undefined && typeof contract.frame === "function") await asked(() => contract.frame(number, number / settings.fps));
  for (const child of children()) await child.follow(byMs, film.begun, faults.frame);
  await turn();
  stepAnimations();
  checkFaults();
}

async function step(number) {
  if (contract.seekable) seedRandom((settings.seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  faults.frame = number;
  await advance(film.startMs + frameMs(number), number);
  position = number;
}

// From a loaded page to one that is about to show its first frame: the song playing, the fonts there.
async function prepare(options) {
  for (let n = 0; n < 4; n++) {
    await settle();
    await turn();
  }
  await document.fonts.ready;
  for (const element of elements) if (element.shadowRoot) remember(element.shadowRoot);
  startAutoplay();
  if (typeof contract.ready === "function") await real.Promise.race([getReady(), gpuAsked]);
  checkFaults();
  // A quiet page still gets its first drawing; others go on until they play.
  const most = Math.round(settings.patienceS * settings.fps);
  for (let n = 0; n < most; n++) {
    if (n > 0 && (isPlaying() || !hasSound()) && (!options.waitFor || document.querySelector(options.waitFor))) break;
    if (isPlaying() && !options.waitFor) break;
    await idle();
    if (n % 8 === 7) await realWait(1);
  }
  if (!isPlaying()) {
    for (const element of players("audio")) if (sourceOf(element)) element.play();
    film.helped = film.playing;
  }
  return { playing: isPlaying(), sound: hasSound(), seekable: contract.seekable === true, waited: !options.waitFor || !!document.querySelector(options.waitFor) };
}
const isPlaying = () => film.playing || children().some((child) => child.playing());
const hasSound = () => contexts.size > 0 || players("audio").size > 0 || children().some((child) => child.sound());
// A page that gets ready may wait for its song, a timer or its own first frames: what is not done by itself is stepped.
const UNDISTURBED_MS = 8;
async function getReady() {
  let done = false;
  const getting = asked(() => contract.ready()).finally(() => { done = true; });
  // It is looked at below, and no fault of the page's before.
  getting.catch(() => {});
  while (!done) {
    announceLoaded();
    await settle();
    for (let n = 0; n < UNDISTURBED_MS && !done; n++) await realWait(1);
    if (!done) await idle();
  }
  await getting;
}
// A step before the film begins; the page's own time afterwards.
async function idle() {
  film.stepped = true;
  await advance(clock.now + frameMs(1));
  return clock.now;
}

// The film's first instant. `first` is where in the song a page that can seek begins.
function begin(first) {
  film.begun = true;
  stylePictures("");
  // No two callbacks are given the same time; a song that plays begins with the first frame.
  film.startMs = clock.now + (film.stepped ? frameMs(1) : 0);
  const now = film.startMs / 1000;
  for (const state of media.values()) {
    state.segments = state.paused ? [] : [{ start: now, end: Infinity, from: state.time, rate: state.rate }];
    state.at = now;
  }
  for (const context of contexts) {
    for (const node of context.orielNodes) {
      const facts = nodeFacts.get(node);
      if (!facts || !facts.start || !facts.start.early || !facts.start.song) continue;
      facts.start.when = context.orielHeld === null ? (film.startMs - context.orielBegan) / 1000 : context.currentTime;
    }
    context.orielStale = true;
  }
  position = contract.seekable ? first - 1 : -1;
}

// Film frames first..stop-1 into the ring. Comes back early where the browser must do something for frame `number`:
// take its picture, or, where it draws on demand only, lay the page out; then the same frame is asked for again.
let halted = false;
let laidOut = -1;
async function filmFrames(first, stop, way, onDemand) {
  halted = false;
  let sent = [];
  const comeBack = async (needs, number) => {
    await real.Promise.all(sent);
    return { needs, number, timeMs: film.startMs + frameMs(number) };
  };
  const find = () => (way === "screenshot" ? null : findCanvas());
  if (contract.seekable && position < first - 1) position = first - 1;
  // What is stepped unseen gets the same layouts as what is filmed: the page must not be able to tell.
  if (laidOut === position) find();
  while (position < first - 1) {
    await step(position + 1);
    if (halted) return { needs: "nothing" };
    if (onDemand && (look.dirty || !find())) return comeBack("layout", (laidOut = position));
  }
  for (let number = first; number < stop && !halted; number++) {
    const again = laidOut === number;
    laidOut = -1;
    if (!again) await step(number);
    if (look.dirty && onDemand && !again && way !== "screenshot") return comeBack("layout", (laidOut = number));
    const canvas = find();
    if (!canvas && way === "canvas") throw new Error(`its canvas cannot be filmed alone: ${look.why} (--capture auto takes pictures instead)`);
    if (!canvas) {
      await lookWhole();
      return comeBack("picture", number);
    }
    await openRing();
    sent.push(sendCanvas(canvas, number));
    // One is being written while the next is drawn.
    if (sent.length > 1) await sent.shift();
  }
  await real.Promise.all(sent);
  return { needs: "nothing" };
}
// What the picture shows has come: fonts that this layout is the first to use, and images.
async function lookWhole() {
  void document.documentElement.offsetHeight;
  for (const image of document.images) if (!image.complete && image.loading !== "lazy") track(loadOf(image), image.src);
  if (document.fonts.status === "loading") track(document.fonts.ready, "a font");
  await settle();
  repaintPictures();
}
const facts = () => {
  const canvas = findCanvas();
  return { canvas: !!canvas, why: look.why, ground: canvas ? groundBehind(canvas) : null, position };
};

Object.defineProperty(window, "__oriel", {
  value: {
    report: () => ({ playing: isPlaying(), sound: hasSound(), helped: film.helped }),
    prepare, idle, begin, follow, facts, settle, film: filmFrames, halt: () => { halted = true; }, position: () => position,
    playing: isPlaying, sound: hasSound,
  },
});
