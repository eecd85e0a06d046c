FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26-bookworm-slim AS console
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
COPY console console
RUN npm ci --workspace console --ignore-scripts && node console/build.js

FROM node:26-bookworm-slim
# The allocator gives back what V8's compilers have let go of once its threshold is set, though it is the usual one.
ENV NODE_ENV=production MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json openapi.yaml openapi.internal.yaml ./
COPY src src
COPY --from=console /app/console/dist console/dist
COPY deploy/image-entrypoint /usr/local/bin/zego-video-token
# The start ends for want of a configuration, after every module has been read into the cache. Then nobody may change
# the cache: what is in it runs at the next start.
RUN mkdir -p data node_modules/.cache \
  && chown node:node data node_modules/.cache \
  && { su node -c 'node --max-semi-space-size=8 src/start.js' 2>/dev/null || [ $? -eq 2 ]; } \
  && chown -R root:root node_modules/.cache \
  && chmod -R a=rX node_modules/.cache
ARG VERSION=0.0.0 REVISION=unknown
LABEL org.opencontainers.image.title="zego-video-token" \
  org.opencontainers.image.description="Issues ZEGO video tokens to the users who may watch." \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"
USER node
VOLUME /app/data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "src/healthcheck.ts"]
# The script becomes node, which is then process 1, so that SIGTERM reaches it.
ENTRYPOINT ["zego-video-token"]
