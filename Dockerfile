# The server in an image of its own: one static binary with page, engine and default model, nothing else.
#
#   docker build -t tabseek .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8080:8080 -v ~/models:/models:ro tabseek --models /models
FROM golang:1.26-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends make nodejs npm && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make server

FROM scratch
COPY --from=build /src/bin/tabseek /tabseek
USER 65534:65534
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s CMD ["/tabseek", "health"]
ENTRYPOINT ["/tabseek", "serve", "--addr", "0.0.0.0:8080"]
