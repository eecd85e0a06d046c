import { get } from 'node:http';

const { HOST = '', PORT } = process.env;
/** Unset, `0.0.0.0` and `::` listen on all addresses; without IPv4, or without IPv6, one of the two answers. */
const hosts = /^[0:.]*$/.test(HOST) ? ['127.0.0.1', '::1'] : [HOST];

/** The HEALTHCHECK of the image: exits 0 if `GET /healthz` responds 200. */
for (const host of hosts) if (await isAlive(host)) process.exit(0);
process.exit(1);

function isAlive(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host, port: PORT || 8080, path: '/healthz', timeout: 1_400 };
    const request = get(options)
      .on('response', ({ statusCode }) => resolve(statusCode === 200))
      .on('timeout', () => request.destroy())
      .on('error', () => resolve(false));
  });
}
