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
const realConsoleError = console.error.bind(console);
console.error = (...args) => {
  if (faults.complaints.length < 20) faults.complaints.push(`${args.map(describe).join(" ")} (${when()})`);
  realConsoleError(...args);
};
function checkFaults() {
  if (faults.first) throw new Error(`ORIEL-FAULT ${faults.first}`);
}
