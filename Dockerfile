# syntax=docker/dockerfile:1
# The gateway alone on a small Debian: non-root, read-only but for /data, where everything that changes is kept.
#
#   docker build -t tollgate .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     -v tollgate:/data -v "$PWD/container.toml:/data/gateway.toml:ro" -p 8080:8080 tollgate

FROM rust:1.95-bookworm AS build
# No cmake: the build must not need it (src/manual tells why).
ENV CMAKE=/nonexistent
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin tollgate \
    && install -D -m 0755 target/dist/tollgate /out/usr/local/bin/tollgate \
    && install -d -m 0700 -o 65532 -g 65532 /out/data

FROM debian:bookworm-slim
# For the HTTPS that the gateway speaks itself: identity providers, client documents, webhooks.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
COPY LICENSE /usr/share/doc/tollgate/LICENSE
# The file of every command, `docker exec` included; config/examples/container.toml is one.
ENV TOLLGATE_CONFIG=/data/gateway.toml
USER 65532:65532
WORKDIR /data
VOLUME /data
# 8080: what the world reaches. 9901: metrics, health and administration; publish it to operators only.
EXPOSE 8080 9901
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["tollgate", "health", "http://127.0.0.1:9901/readyz"]
ENTRYPOINT ["tollgate"]
CMD ["serve"]
