# The service in a container, for a PostgreSQL of your own (MEIDE_DATABASE_URL). The same image migrates:
#   docker run --rm -e MEIDE_DATABASE_URL=… -e MEIDE_OWNER_URL=… meide-ledger migrate
#   docker run -p 8080:8080 -e MEIDE_DATABASE_URL=… -e MEIDE_SESSION_KEYS=… meide-ledger

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
RUN python -m venv /opt/meide \
    && /opt/meide/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY ledger ledger
COPY api api
COPY migrations migrations
RUN /opt/meide/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent meide
COPY --from=build /opt/meide /opt/meide
USER meide
ENV PATH=/opt/meide/bin:$PATH PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["meide"]
CMD ["serve", "--host", "0.0.0.0"]
