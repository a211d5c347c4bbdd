// Animated pictures (GIF, WebP, APNG). A browser that draws on demand moves them to a frame's time, but only where it
// paints them anew, and they begin with the first frame that shows them.
const sheetReal = {
  replace: CSSStyleSheet.prototype.replaceSync,
  adopted: Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets"),
};
const pictureSheet = new CSSStyleSheet();
let repainted = 0;
function stylePictures(rule) {
  const adopted = sheetReal.adopted.get.call(document);
  if (!adopted.includes(pictureSheet)) adopted.push(pictureSheet);
  sheetReal.replace.call(pictureSheet, rule);
}
// Until the film begins they are kept out of sight, by the one means that clicks and layout do not notice.
if (window === window.top) stylePictures("img { object-position: -99999px -99999px !important }");
// An outline without width is not to be seen, and its change is enough.
function repaintPictures() {
  if (document.images.length) stylePictures(`:where(img) { outline: 0 ${["dotted", "dashed"][repainted++ % 2]} }`);
}
