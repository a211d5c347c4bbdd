# One image for the command line, the web service, the workers and the scheduler.
#   docker build -t oriel-fx .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" oriel-fx oriel render song.mp3
#   docker run --rm --network host oriel-fx oriel serve     # on Linux: the test checkout listens on this machine only
# With Chromium, for films of web pages: --build-arg WITH_CHROMIUM=1
FROM python:3.11-slim-bookworm

ARG WITH_CHROMIUM=0

# libGL and EGL for Skia; setpriv (util-linux) ties children to their parents; ffmpeg comes with the package.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libegl1 util-linux \
    && if [ "$WITH_CHROMIUM" = 1 ]; then apt-get install -y --no-install-recommends chromium-headless-shell libatomic1; fi \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/oriel
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY src src
RUN extras=server; \
    if [ "$WITH_CHROMIUM" = 1 ]; then extras=server,browser; fi; \
    pip install --no-cache-dir -c constraints.txt ".[$extras]"

# /data holds what a worker is rendering, and with the embedded services everything.
RUN useradd --create-home --uid 10001 oriel \
    && mkdir -p /data /work && chown oriel /data /work
ENV ORIEL_DATA_DIR=/data PYTHONUNBUFFERED=1
USER oriel
WORKDIR /work
EXPOSE 8000

# No ENTRYPOINT: a platform's start and pre-deploy commands begin with `oriel` themselves.
CMD ["oriel", "doctor"]
