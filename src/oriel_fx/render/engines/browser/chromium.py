"""Which Chromium films, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oriel_fx.errors import DependencyError

# The headless shell comes first: it starts faster, and has no window to keep.
NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
HOW_TO_GET = (
    "apt-get install chromium-headless-shell libatomic1  (or `playwright install chromium`, "
    "or name one in ORIEL_CHROMIUM)"
)


@dataclass(frozen=True)
class Chromium:
    """A browser that can be started: its program, and whether it is a headless shell."""

    path: str
    shell: bool


def find_chromium() -> Chromium:
    """The one ORIEL_CHROMIUM names, Playwright's own, or the system's. Raises DependencyError where there is none."""
    named = os.environ.get("ORIEL_CHROMIUM")
    if named:
        if not (found := shutil.which(named)):
            raise DependencyError(f"ORIEL_CHROMIUM names {named!r}, which is no program.", "Correct or unset it.")
        return Chromium(found, "shell" in Path(found).name)
    for path in [*_playwrights_own(), *(shutil.which(name) for name in NAMES)]:
        if path:
            return Chromium(str(path), "shell" in Path(path).name)
    raise DependencyError("No Chromium was found to film the page with.", f"Get one: {HOW_TO_GET}.")


def _playwrights_own() -> list[Path]:
    """Browsers that `playwright install` put into its cache, the newest first."""
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    patterns = ("chromium_headless_shell-*/*/*headless[-_]shell", "chromium-*/*/chrome")
    return [path for pattern in patterns for path in sorted(cache.glob(pattern), reverse=True)]


def version_of(chromium: Chromium) -> str:
    """What it says of itself, or what it is called. Raises OSError, SubprocessError."""
    shown = subprocess.run([chromium.path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    return shown.stdout.strip() or Path(chromium.path).name


# A headless shell so started draws when it is told to, and then at once and all of it.
STEPPED = (
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-image-animation-resync",
)


# How WebGL is drawn. Mesa takes about half of SwiftShader's time for shaders, but several times as long for all else,
# which therefore stays with Chromium's own painter. With WebGPU all goes through SwiftShader, many times slower.
Gl = Literal["mesa", "swiftshader", "webgpu"]
GL_FLAGS: dict[Gl, tuple[str, ...]] = {
    "mesa": (
        "--use-gl=angle",
        "--use-angle=gl-egl",
        "--ignore-gpu-blocklist",
        "--disable-gpu-compositing",
        "--disable-gpu-rasterization",
        "--disable-accelerated-2d-canvas",
    ),
    "swiftshader": (),
    "webgpu": (
        "--enable-unsafe-webgpu",
        "--enable-features=Vulkan",
        "--use-vulkan=swiftshader",
        "--use-angle=swiftshader",
    ),
}


def has_mesa() -> bool:
    """Whether the system has Mesa's EGL, which Skia's wheel needs too."""
    return sys.platform == "linux" and find_library("EGL_mesa") is not None


def flags(
    port: int, local_host: str | None, allow_network: bool, stepped: bool, gl: Gl, size_px: tuple[int, int]
) -> list[str]:
    """Command line for filming: no sound device, no background traffic, and no network unless allowed.

    Without it, every request goes to our own server as to a proxy, and what is not ours is refused there.
    `stepped`: frames only on demand, which a headless shell alone can do.
    """
    words = [
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,Translate",
        "--disable-renderer-backgrounding",
        "--disable-background-timer-throttling",
        "--force-color-profile=srgb",
        "--force-device-scale-factor=1",
        "--hide-scrollbars",
        "--mute-audio",
        "--enable-unsafe-swiftshader",
        "--no-first-run",
        # What is shown in full screen takes the window's size, whatever the page's is.
        f"--window-size={size_px[0]},{size_px[1]}",
        "--disable-checker-imaging",
        *(STEPPED if stepped else ()),
        *GL_FLAGS[gl],
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--no-sandbox")
    if allow_network:
        return [*words, f"--host-resolver-rules=MAP oriel.localhost:80 127.0.0.1:{port}"]
    direct = f"<-loopback>;{local_host}" if local_host else "<-loopback>"
    return [
        *words,
        f"--proxy-server=http://127.0.0.1:{port}",
        f"--proxy-bypass-list={direct}",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-quic",
    ]
