import { get } from 'node:http';

/** The HEALTHCHECK of the image: exits 0 if `GET /healthz` responds 200. */
get({ host: '127.0.0.1', port: process.env.PORT || 8080, path: '/healthz', timeout: 2_000 })
  .on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
