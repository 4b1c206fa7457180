# The base image; ./dev image passes one made on the spot where no registry can be reached.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS build
WORKDIR /src
# The packages first: they change less often than the sources.
COPY dev ./
RUN ./dev setup && rm -rf /var/lib/apt/lists/*
COPY . ./
RUN ./dev build && strip -o /ringcast build/release/ringcast

FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libbrotli1 libcares2 libcjson1 libidn2-0 libllhttp9.2 liburing2 libnettle8t64 libwolfssl42t64 \
        libgmp10 libhogweed6t64 libpsl5t64 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /ringcast /usr/local/bin/ringcast
# A library that is missing above stops the build here, not a container at its start.
RUN if ldd /usr/local/bin/ringcast | grep 'not found'; then exit 1; fi

WORKDIR /srv/ringcast
# Mount your own over it: -v ./config.json:/srv/ringcast/config.json:ro
COPY config.json ./
ENV RINGCAST_HUB_LISTEN=*:8765 \
    RINGCAST_ADMIN_LISTEN=*:9465
EXPOSE 8765 9465
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9465 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["ringcast"]
CMD ["serve", "config.json"]
