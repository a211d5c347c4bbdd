// What the page throws ends the film, at the frame it was thrown in; what it only complains of is passed on.
const faults = { thrown: [], complaints: 0, frame: -1, away: "" };
const when = () => (faults.frame < 0 ? "before the first frame" : `at frame ${faults.frame}`);
const describe = (error) => String((error && error.message !== undefined && `${error.name}: ${error.message}`) || error).slice(0, 300);
const MOST_COMPLAINTS = 20;
// Chromium's words for observers that need another turn; pages lose nothing by it, and never see it.
const HARMLESS = /^ResizeObserver loop /;
// Whether the page deals with it itself is known only when all its own listeners have had it.
function thrown(event, error) {
  if (faults.thrown.length < MOST_COMPLAINTS) faults.thrown.push({ event, text: `${describe(error)} (${when()})` });
}
window.addEventListener("error", (event) => {
  if (event instanceof ErrorEvent && !HARMLESS.test(event.message)) thrown(event, event.error || event.message);
});
window.addEventListener("unhandledrejection", (event) => thrown(event, event.reason));
if (window.navigation && window === window.top) {
  navigation.addEventListener("navigate", (event) => {
    const { destination, hashChange, downloadRequest } = event;
    if (hashChange || destination.sameDocument || downloadRequest !== null || faults.frame < 0) return;
    event.preventDefault();
    faults.away = destination.url.slice(0, 200);
  });
}
// Oriel listens to the console, so that what was said is known also where the film ends early.
const say = console.debug.bind(console);
const realConsoleError = console.error.bind(console);
console.error = (...args) => {
  if (faults.complaints++ < MOST_COMPLAINTS) say(`ORIEL-COMPLAINT ${args.map(describe).join(" ")} (${when()})`);
  realConsoleError(...args);
};
function checkFaults() {
  if (faults.wantsGpu) throw new Error("ORIEL-WEBGPU");
  if (faults.away) throw new Error(`ORIEL-AWAY ${faults.away} (${when()})`);
  const first = faults.thrown.find(({ event }) => !event.defaultPrevented);
  if (first) throw new Error(`ORIEL-FAULT ${first.text}`);
  faults.thrown.length = 0;
}
// What the page's own functions throw that are called by their contract.
async function asked(answer) {
  try {
    return await answer();
  } catch (error) {
    throw new Error(`ORIEL-FAULT ${describe(error)} (${when()})`);
  }
}
