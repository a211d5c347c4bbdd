// Frames leave the page through a file of its private file system, which Oriel reads as memory: see ring.py.
const HEADER_BYTES = 4096;
const WORKER = `
let file, bytes, slots, made = 0;
const word = new Uint32Array(1);
async function open(facts) {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle(facts.name, { create: true });
  file = await handle.createSyncAccessHandle();
  bytes = facts.bytes; slots = facts.slots;
  file.truncate(${HEADER_BYTES} + slots * bytes);
  file.write(new Uint8Array(16), { at: 0 });
  file.flush();
}
async function put(frame) {
  for (;;) {
    file.read(word, { at: 4 });
    if (made - word[0] < slots) break;
    await new Promise((done) => setTimeout(done, 1));
  }
  const slot = made % slots;
  let pixels = frame.pixels;
  if (frame.picture) {
    pixels = frame.spare ? new Uint8Array(frame.spare) : new Uint8Array(frame.picture.allocationSize());
    await frame.picture.copyTo(pixels);
    frame.picture.close();
  }
  file.write(new Uint32Array([frame.number, frame.ground, 0, frame.kind]), { at: 64 + slot * 16 });
  file.write(pixels, { at: ${HEADER_BYTES} + slot * bytes });
  file.write(new Uint32Array([++made]), { at: 0 });
  return pixels.buffer;
}
let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      if (data.open) { await open(data.open); postMessage({}); }
      else { const spare = await put(data); postMessage({ spare }, [spare]); }
    } catch (error) { postMessage({ error: String(error) }); }
  });
};`;
const BGRA = 1, RGBA_UP = 2, RGBA = 3;
const ring = { worker: null, waiting: [], spare: [], kind: 0 };

async function openRing() {
  if (ring.worker) return;
  const worker = new real.Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => {
    if (data.spare) ring.spare.push(data.spare);
    const waiting = ring.waiting.shift();
    if (data.error) waiting.failed(new Error(data.error));
    else waiting.done();
  };
  ring.worker = worker;
  await post({ open: { name: settings.ringName, bytes: settings.width * settings.height * 4, slots: settings.slots } }, []);
}
function post(message, transfer) {
  return new real.Promise((done, failed) => {
    ring.waiting.push({ done, failed });
    ring.worker.postMessage(message, transfer);
  });
}

// Hand one frame of the canvas to the worker; it reads and writes while the page draws the next.
function sendCanvas(canvas, number) {
  const { width, height } = settings;
  const known = contextKinds.get(canvas) || {};
  const spare = ring.spare.pop();
  if (/webgl/.test(known.kind || "")) {
    const pixels = spare ? new Uint8Array(spare) : new Uint8Array(width * height * 4);
    readGl(known.context, pixels);
    return post({ number, ground: look.ground, kind: RGBA_UP, pixels }, [pixels.buffer]);
  }
  const picture = new VideoFrame(canvas, { timestamp: 0 });
  const transfer = spare ? [picture, spare] : [picture];
  return post({ number, ground: look.ground, kind: /^RGB/.test(picture.format) ? RGBA : BGRA, picture, spare }, transfer);
}
