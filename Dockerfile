# An image with the library and the `oriel` command.
# The web service comes with a later change and will run from the same image.
#   docker build -t oriel-fx .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" oriel-fx render song.mp3
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libegl1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/oriel
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt .

RUN useradd --create-home oriel
USER oriel
WORKDIR /work

# Every dependency, tried for real; fails where rendering cannot work.
HEALTHCHECK --interval=60s --timeout=30s CMD ["oriel", "doctor"]

ENTRYPOINT ["oriel"]
CMD ["doctor"]
