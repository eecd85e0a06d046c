#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// JavaScript, because it runs before the compile cache is enabled, and on Node.js releases without TypeScript support.
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const least = Number(/\d+/.exec(engines.node)?.[0]);
if (Number.parseInt(process.versions.node, 10) < least) {
  process.stderr.write(
    `node: release ${process.versions.node} is too old; the service needs ${least} or later; install it, for example by npm install --prefix /opt/node node@${least}, or install the packages without --omit=dev: npm start then uses the release among them\n`,
  );
  process.exit(2);
}
// Stripping types takes half of the start time and 40 MB, so the result is cached in node_modules.
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));
if (process.argv.length > 2) await import('./cli.ts');
else {
  // Without a listener, SIGHUP ends the process; installReload listens only between configuration and shutdown.
  process.on('SIGHUP', () => {});
  await import('./server.ts');
}
