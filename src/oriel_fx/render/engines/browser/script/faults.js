// What the page throws ends the film, at the frame it was thrown in; what it only complains of is passed on.
const faults = { first: null, complaints: [], frame: -1, muted: 0 };
const when = () => (faults.frame < 0 ? "before the first frame" : `at frame ${faults.frame}`);
const describe = (error) => String((error && error.message !== undefined && `${error.name}: ${error.message}`) || error).slice(0, 300);
window.addEventListener("error", (event) => {
  if (event instanceof ErrorEvent && !faults.first) faults.first = `${describe(event.error || event.message)} (${when()})`;
});
window.addEventListener("unhandledrejection", (event) => {
  if (!faults.first) faults.first = `${describe(event.reason)} (${when()})`;
});
if (window.navigation) {
  navigation.addEventListener("navigate", (event) => {
    const { destination, hashChange, downloadRequest } = event;
    if (hashChange || destination.sameDocument || downloadRequest !== null || faults.frame < 0) return;
    event.preventDefault();
    faults.away = destination.url.slice(0, 200);
  });
}
const realConsoleError = console.error.bind(console);
console.error = (...args) => {
  if (faults.complaints.length < 20) faults.complaints.push(`${args.map(describe).join(" ")} (${when()})`);
  realConsoleError(...args);
};
function checkFaults() {
  if (faults.wantsGpu) throw new Error("ORIEL-WEBGPU");
  if (faults.away) throw new Error(`ORIEL-AWAY ${faults.away} (${when()})`);
  if (faults.first) throw new Error(`ORIEL-FAULT ${faults.first}`);
}
