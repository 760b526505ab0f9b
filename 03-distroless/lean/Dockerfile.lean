# An experiment, not a template: the smallest image that still does what a service should. Read README.md first.
# docker build -f lean/Dockerfile.lean .
ARG NODE_VERSION=26

# The other stages copy files from this one.
FROM gcr.io/distroless/nodejs${NODE_VERSION}-debian13:nonroot AS distroless

# Node and what it requires, without the app, so that an edit reuses this stage. The full image has `strip`.
FROM node:${NODE_VERSION} AS base

WORKDIR /lean

# Keep what Node loads and what every service requires: users, CA certificates, time zones and licenses.
# Omit the other libraries.
RUN --mount=type=bind,from=distroless,target=/distroless set -eu; \
    cd /distroless; \
    for path in *; do \
      case "$path" in nodejs | usr) ;; *) cp -a "$path" /lean/ ;; esac; \
    done; \
    for directory in usr/*/; do mkdir -p "/lean/$directory"; done; \
    chroot . /nodejs/bin/node -p 'process.report.getReport().sharedObjects.join("\n")' > /tmp/loaded; \
    for library in $(grep '^/.*\.so' /tmp/loaded); do cp -Lp --parents ".$library" /lean/; done; \
    for path in nodejs/LICENSE usr/lib/os-release usr/share/zoneinfo usr/share/common-licenses \
        $(find usr/share/doc -name copyright -o -type l); do \
      [ ! -e "$path" ] || cp -a --parents "$path" /lean/; \
    done

# Remove Node's symbols. Only native stack traces use them; JavaScript stack traces stay complete.
RUN --mount=type=bind,from=distroless,target=/distroless \
  mkdir -p nodejs/bin && strip -o nodejs/bin/node /distroless/nodejs/bin/node

# Scanners read the list of packages. Remove packages of which no file remains.
RUN --mount=type=bind,from=distroless,target=/distroless set -eu; \
    for entry in /lean/var/lib/dpkg/status.d/*; do \
      package=$(basename "$entry" .md5sums); \
      gone=''; \
      for file in $(dpkg -L "$package" 2> /dev/null | grep -v ^/usr/share/doc/); do \
        [ ! -f "/lean$file" ] || continue 2; \
        [ ! -f "/distroless$file" ] || gone=yes; \
      done; \
      [ -z "$gone" ] || rm -rf "$entry" "/lean/usr/share/doc/$package"; \
    done

# Scanners require the names and versions of the bundled packages, and the image must contain the licenses.
FROM node:${NODE_VERSION}-slim AS packages

WORKDIR /packages

# Omit development dependencies, and delete everything except package.json and the licenses.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev \
  && find node_modules ! -type d ! -name package.json ! -iname 'licen[cs]e*' ! -iname 'notice*' ! -iname 'copying*' -delete \
  && find node_modules -type d -empty -delete

# Bundle the app into one file.
FROM node:${NODE_VERSION}-slim AS builder

# Install esbuild apart from the app, which does not require it.
WORKDIR /bundler
COPY lean/package.json lean/package-lock.json ./
RUN npm ci

WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci

COPY . .
RUN npm run build

# One file is smaller and starts faster than hundreds. The code is not minified, so stack traces stay readable.
# CommonJS, because start.cjs loads the bundle as a script: no `import.meta`, no top-level `await`.
RUN /bundler/node_modules/.bin/esbuild dist/index.js --bundle --platform=node --format=cjs --outfile=server.cjs

# Start from an empty image.
FROM scratch AS rootfs

COPY --from=base /lean /

# Distroless sets SSL_CERT_FILE, too.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_ENV=production

# Make the bytecode in this stage: it is valid only for the Node of this image.
FROM rootfs AS app

WORKDIR /app

COPY --from=packages /packages/package.json /app/
COPY --from=packages /packages/node_modules /app/node_modules
# The bundle replaces dist/index.js, so that paths relative to its __dirname stay valid.
COPY --from=builder /app/server.cjs /app/dist/
COPY lean/start.cjs /app/dist/

# Start the app once and save the bytecode that V8 compiled, so that the container starts faster.
# If the app requires a setting to start, give this RUN a harmless value.
RUN ["/nodejs/bin/node", "dist/start.cjs", "--save-bytecode"]

FROM rootfs AS runner

# The files belong to root, so the app cannot change its own code.
COPY --from=app /app /app

WORKDIR /app

# A number, because Kubernetes cannot check that a name is not root.
USER 65532

EXPOSE 3000

# Use Node, because the image has no shell and no curl. `/nodejs/bin` is not in the PATH.
HEALTHCHECK --start-period=5s --timeout=3s \
  CMD ["/nodejs/bin/node", "-e", "http.get('http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz', (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]

# The same as in distroless. An image from scratch has no entrypoint.
ENTRYPOINT ["/nodejs/bin/node"]

CMD ["dist/start.cjs"]
