# docker build .               the bot, or the service on a processor
# docker build --target gpu .  the same for a machine with an NVIDIA GPU (driver 580 or newer)

FROM python:3.11.14-slim-bookworm AS build

RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never

# Dependencies first: their layer is reused until they change.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY . .
RUN uv sync --locked --no-dev

FROM build AS build-gpu
RUN uv sync --locked --no-dev --extra gpu --no-group cpu

# Without uv, and without anything that only builds or tests.
FROM python:3.11.14-slim-bookworm AS base

WORKDIR /app
RUN useradd --create-home bot && mkdir /data && chown bot /data
USER bot
# Two malloc arenas: on a machine with many cores each thread would keep memory of its own.
ENV PATH="/app/.venv/bin:$PATH" DATA_DIR=/data MALLOC_ARENA_MAX=2 U2NET_HOME=/data/models
VOLUME /data
EXPOSE 8080
HEALTHCHECK --start-period=30s --timeout=5s CMD ["python", "-c", "import http.client, os; \
    c = http.client.HTTPConnection('127.0.0.1', int(os.getenv('PORT') or 8080), timeout=4); \
    c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "-m", "bot"]

FROM base AS gpu
COPY --from=build-gpu /app /app
# What NVIDIA's container runtime mounts: CUDA, nvidia-smi and the encoder.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
# The first import compiles for a minute and caches the result.
RUN ["python", "-c", "import rembg"]

FROM base AS cpu
COPY --from=build /app /app
RUN ["python", "-c", "import rembg"]
