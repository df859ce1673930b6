# docker build -t starscoo . && docker run --read-only -v starscoo:/data -p 8080:8080 -e OPENAI_API_KEY starscoo
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/starscoo
COPY requirements.lock .
RUN /opt/starscoo/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
# --no-index: nothing but what the lock named may come in.
RUN /opt/starscoo/bin/pip install --no-index --no-deps --no-build-isolation --disable-pip-version-check .

FROM python:3.13-slim
RUN groupadd --gid 10001 starscoo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin starscoo \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/starscoo /opt/starscoo
# /data is the one writable place, so temporary files (large uploads, sorting) go there too.
ENV PATH=/opt/starscoo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/data \
    STARSCOO_HOST=0.0.0.0 \
    STARSCOO_DATABASE_URL=sqlite:////data/starscoo.db
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"STARSCOO_PORT\", 8080)}/healthz', timeout=4)"]
ENTRYPOINT ["starscoo"]
CMD ["serve"]
