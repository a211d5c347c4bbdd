"""Parts that the tests' pages share."""

# One canvas that is all there is to see, cleared to `color(n)` on every frame; `seen` keeps what `note(n)` says.
CANVAS = """<!doctype html><style>body{margin:0;background:#000}canvas{display:block}</style><canvas id=c></canvas>
<script>
c.width = innerWidth; c.height = innerHeight;
window.seen = [];
function run(color, note) {
  const x = c.getContext("2d"); let n = 0;
  const draw = (t) => {
    requestAnimationFrame(draw);
    x.fillStyle = color(n, t); x.fillRect(0, 0, c.width, c.height);
    if (note) seen.push(note(n, t));
    n++;
  };
  requestAnimationFrame(draw);
}
</script>"""


def canvas_page(script: str, extra: str = "") -> str:
    return f"{CANVAS}{extra}<script>{script}</script>"


def plain_page(markup: str) -> str:
    return f"<!doctype html><style>body{{margin:0;background:#000}}</style>{markup}"
