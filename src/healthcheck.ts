import { get } from 'node:http';

/** Exits 0 when the service of this container answers `GET /healthz`, for the image's HEALTHCHECK. */
get({ host: '127.0.0.1', port: process.env.PORT || 8080, path: '/healthz', timeout: 2_000 })
  .on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
