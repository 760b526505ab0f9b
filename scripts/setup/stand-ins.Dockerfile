# Substitutes for the base images that the chapters use, for machines that reach Debian's packages and the npm
# registry but no image registry. One target for each kind; stand-in-parts.ts prepares the build context:
#   node/, node-slim/          what the official image has in /usr/local, with all and with this machine's OpenSSL headers
#   node-bin/                  only the node program and its licence
#   etc/                       this machine's CA bundle, and an npm setting that points at it
#   docker-entrypoint.sh       a rewrite of the official images' entrypoint
# setup adds the labels.

# Two Debian roots, made by mmdebstrap: with and without documentation and translations.
ARG DEBIAN
ARG DEBIAN_SLIM

# --- debian:trixie-slim --------------------------------------------------------------------------------------------
FROM ${DEBIAN_SLIM} AS debian-slim

# --- node:NN -------------------------------------------------------------------------------------------------------
# The package lists are those of buildpack-deps, a layer each, which node:NN is built on.
FROM ${DEBIAN} AS node
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates curl gnupg netbase sq wget \
  && rm -rf /var/lib/apt/lists/*
RUN apt-get update \
  && apt-get install -y --no-install-recommends git mercurial openssh-client subversion procps \
  && rm -rf /var/lib/apt/lists/*
RUN apt-get update \
  && apt-get install -y --no-install-recommends \
    autoconf automake bzip2 default-libmysqlclient-dev dpkg-dev file g++ gcc imagemagick libbz2-dev libc6-dev \
    libcurl4-openssl-dev libdb-dev libevent-dev libffi-dev libgdbm-dev libglib2.0-dev libgmp-dev libjpeg-dev \
    libkrb5-dev liblzma-dev libmagickcore-dev libmagickwand-dev libmaxminddb-dev libncurses-dev libpng-dev libpq-dev \
    libreadline-dev libsqlite3-dev libssl-dev libtool libwebp-dev libxml2-dev libxslt-dev libyaml-dev make patch \
    unzip xz-utils zlib1g-dev \
  && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ARG NODE_VERSION
ENV NODE_VERSION=${NODE_VERSION}
COPY node/ /usr/local/
COPY etc/ /
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]

# --- node:NN-slim --------------------------------------------------------------------------------------------------
FROM ${DEBIAN_SLIM} AS node-slim
RUN groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ARG NODE_VERSION
ENV NODE_VERSION=${NODE_VERSION}
# Node is linked with libatomic, which the official image keeps for it.
RUN apt-get update \
  && apt-get install -y --no-install-recommends libatomic1 \
  && rm -rf /var/lib/apt/lists/*
COPY node-slim/ /usr/local/
COPY etc/ /
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]

# --- what the two images without apt are made of -------------------------------------------------------------------
# Each package is unpacked into its own directory and registered as distroless does it, in status.d.
FROM ${DEBIAN_SLIM} AS packages
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static
WORKDIR /packages
RUN apt-get download base-files busybox-static gcc-14-base libatomic1 libc6 libgcc-s1 libgomp1 libssl3t64 libstdc++6 \
    libzstd1 media-types netbase tzdata tzdata-legacy zlib1g \
  && for package in *.deb; do \
       name=${package%%_*}; \
       mkdir -p "/out/$name/var/lib/dpkg/status.d"; \
       dpkg-deb --extract "$package" "/out/$name"; \
       dpkg-deb --field "$package" > "/out/$name/var/lib/dpkg/status.d/$name"; \
       rm -rf "/out/$name/usr/share/man" "/out/$name/usr/share/locale" "/out/$name/usr/share/lintian"; \
     done

# --- node:NN-alpine ------------------------------------------------------------------------------------------------
# Busybox is Alpine's own userland, but the C library is Debian's, not musl: right in shape, about right in size.
FROM packages AS alpine-root
RUN mkdir -p /root-fs/bin /root-fs/sbin /root-fs/usr/bin /root-fs/usr/sbin /root-fs/usr/lib /root-fs/etc /root-fs/root \
      /root-fs/home /root-fs/proc /root-fs/sys /root-fs/dev /root-fs/run /root-fs/var/log /root-fs/var/tmp /root-fs/tmp \
  && chmod 1777 /root-fs/tmp /root-fs/var/tmp \
  && chmod 700 /root-fs/root \
  && cp /out/busybox-static/usr/bin/busybox /root-fs/bin/busybox \
  && busybox --list-full | while read -r path; do \
       [ "$path" = bin/busybox ] || { mkdir -p "/root-fs/$(dirname "$path")" && ln -sf /bin/busybox "/root-fs/$path"; }; \
     done \
  && ln -s usr/lib /root-fs/lib
# The C library and its loader, which is in another place on each architecture.
RUN lib=$(dirname "$(find /out/libc6 -name libc.so.6)") \
  && to=/root-fs${lib#/out/libc6} \
  && mkdir -p "$to" \
  && for name in ld-linux libc. libm. libmvec libdl libpthread librt libresolv libnss_dns libnss_files libutil; do \
       find "$lib" -maxdepth 1 -name "$name*" -exec cp -a {} "$to/" \; || exit 1; \
     done \
  && if [ -d /out/libc6/usr/lib64 ]; then \
       cp -a /out/libc6/usr/lib64 /root-fs/usr/lib64 && ln -s usr/lib64 /root-fs/lib64; \
     else \
       cp -a /out/libc6/usr/lib/ld-linux* /root-fs/usr/lib/; \
     fi
RUN printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' > /root-fs/etc/passwd \
  && printf 'root:x:0:root\nnobody:x:65534:\n' > /root-fs/etc/group \
  && printf 'hosts: files dns\n' > /root-fs/etc/nsswitch.conf \
  && printf 'NAME="Stand-in for Alpine Linux"\nID=alpine-stand-in\nPRETTY_NAME="Stand-in for Alpine Linux (busybox with glibc)"\n' \
       > /root-fs/etc/os-release
RUN mkdir -p /node-fs/etc /node-fs/home/node /node-fs/usr/lib \
  && chown 1000:1000 /node-fs/home/node \
  && cp /root-fs/etc/passwd /root-fs/etc/group /node-fs/etc/ \
  && echo 'node:x:1000:1000::/home/node:/bin/sh' >> /node-fs/etc/passwd \
  && echo 'node:x:1000:' >> /node-fs/etc/group \
  && lib=$(dirname "$(find /out/libstdc++6 -name 'libstdc++.so.6')") \
  && to=/node-fs${lib#/out/libstdc++6} \
  && mkdir -p "$to" \
  && for package in libstdc++6 libgcc-s1 libatomic1; do cp -a /out/$package${lib#/out/libstdc++6}/*.so* "$to/"; done

FROM scratch AS node-alpine
COPY --from=alpine-root /root-fs /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --from=alpine-root /node-fs /
ARG NODE_VERSION
ENV NODE_VERSION=${NODE_VERSION}
COPY node-slim/ /usr/local/
COPY etc/ /
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]

# --- gcr.io/distroless/nodejsNN-debian13:nonroot -------------------------------------------------------------------
FROM packages AS distroless-root
RUN mkdir -p /root-fs/etc /root-fs/root /root-fs/home/nonroot /root-fs/tmp \
  && chmod 700 /root-fs/root /root-fs/home/nonroot \
  && chmod 1777 /root-fs/tmp \
  && chown 65532:65532 /root-fs/home/nonroot \
  && printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' \
       > /root-fs/etc/passwd \
  && printf 'root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n' > /root-fs/etc/group \
  && printf 'hosts: files dns\n' > /root-fs/etc/nsswitch.conf

# The same Debian packages as the original, a layer each as there.
FROM scratch AS distroless
COPY --from=packages /out/base-files /
COPY --from=packages /out/netbase /
COPY --from=packages /out/tzdata /
COPY --from=packages /out/tzdata-legacy /
COPY --from=packages /out/media-types /
COPY --from=distroless-root /root-fs /
COPY etc/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=packages /out/libc6 /
COPY --from=packages /out/libssl3t64 /
COPY --from=packages /out/libzstd1 /
COPY --from=packages /out/zlib1g /
COPY --from=packages /out/gcc-14-base /
COPY --from=packages /out/libgcc-s1 /
COPY --from=packages /out/libgomp1 /
COPY --from=packages /out/libstdc++6 /
COPY --from=packages /out/libatomic1 /
COPY node-bin/ /nodejs/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /home/nonroot
ENTRYPOINT ["/nodejs/bin/node"]
