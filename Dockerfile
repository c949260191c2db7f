# Two images from one build: the service, and with --target mockdialer the provider's
# stand-in.  Both are a static program, the root certificates and an empty data folder
# that belongs to user 65532; the time zones are in the program.

FROM golang:1.26-bookworm AS build
# Where modules come from, if not from where Go itself looks.
ARG GOPROXY
ARG GOSUMDB
# What /readyz, /metrics and `dialtone version` call the build.
ARG VERSION
ENV CGO_ENABLED=0 GOFLAGS=-buildvcs=false
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags="-s -w ${VERSION:+-X dialtone/cmd/dialtone/app.Version=$VERSION}" -o /out/ ./cmd/dialtone ./cmd/mockdialer && mkdir /out/data

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data

FROM base AS mockdialer
COPY --from=build /out/mockdialer /mockdialer
ENV MOCKDIALER_HTTP=0.0.0.0:8081 MOCKDIALER_LEDGER=/data/ledger.jsonl
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=3s --retries=6 --start-period=10s CMD ["/mockdialer", "--health"]
ENTRYPOINT ["/mockdialer"]

FROM base
COPY --from=build /out/dialtone /dialtone
ENV DIALTONE_DATA=/data DIALTONE_HTTP=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --retries=6 --start-period=60s CMD ["/dialtone", "health"]
ENTRYPOINT ["/dialtone"]
CMD ["serve"]
