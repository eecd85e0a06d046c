FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26-bookworm-slim
# The allocator gives back what V8's compilers have let go of once its threshold is set, though it is the usual one.
ENV NODE_ENV=production MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json openapi.yaml openapi.internal.yaml ./
COPY src src
# The start ends for want of a configuration, after every module has been read into the cache. Then nobody may change
# the cache: what is in it runs at the next start.
RUN mkdir -p data node_modules/.cache \
  && chown node:node data node_modules/.cache \
  && { su node -c 'node --max-semi-space-size=8 src/start.js' 2>/dev/null || [ $? -eq 2 ]; } \
  && chown -R root:root node_modules/.cache \
  && chmod -R a=rX node_modules/.cache
USER node
VOLUME /app/data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "src/healthcheck.ts"]
# node itself is process 1, so that SIGTERM reaches it. It may read the program and /run, write data, and use the
# network; other files, child processes, threads and addons are refused (test/process/permissions.test.ts). Node reads
# its cache only where it may write it, too: the owner of the files is who refuses that.
CMD ["node", "--permission", "--allow-fs-read=/app", "--allow-fs-read=/run", "--allow-fs-write=/app/data", "--allow-fs-write=/app/node_modules/.cache", "--allow-net", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8", "src/start.js"]
