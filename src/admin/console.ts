import { readFile } from 'node:fs/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type AddressOf, requireHost } from './browser.ts';
import { etagOfBytes } from './etag.ts';

/** Where `npm ci` and the image build it. */
const FOLDER = new URL('../../console/dist/', import.meta.url);

const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/console/console.js', 'console.js', 'text/javascript; charset=utf-8'],
  ['/console/console.css', 'console.css', 'text/css; charset=utf-8'],
  ['/console/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const;

const NOT_BUILT =
  'The console is not built here. In a clone: npm ci, with the development packages. The image has it.\n';

/** Scripts, styles and requests of this listener alone; nothing inline, no frame around it. */
const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

/** The console: pages for support, which call the API of this listener. */
export function consoleRoutes(addressOf: AddressOf, hosts: readonly string[]): FastifyPluginAsync {
  return async (app) => {
    for (const [url, name, type] of FILES) {
      let file: Promise<{ bytes: Buffer; etag: string }> | undefined;
      app.get(url, { schema: { hide: true } }, async (request, reply) => {
        requireHost(addressOf(request), hosts);
        file ??= readBuilt(name);
        try {
          const { bytes, etag } = await file;
          return send(request, reply.type(type), bytes, etag);
        } catch {
          file = undefined;
          return reply.code(503).headers(HEADERS).type('text/plain').send(NOT_BUILT);
        }
      });
    }
  };
}

async function readBuilt(name: string): Promise<{ bytes: Buffer; etag: string }> {
  const bytes = await readFile(new URL(name, FOLDER));
  return { bytes, etag: etagOfBytes(bytes) };
}

function send(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  bytes: Buffer,
  etag: string,
): FastifyReply {
  reply.headers({ ...HEADERS, etag });
  return headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(bytes);
}
