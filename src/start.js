#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Reading TypeScript takes half of a start and 40 MB: what was read once is kept beside the packages.
// This file is read before the cache is there, so it is JavaScript.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));
if (process.argv.length > 2) await import('./cli.ts');
else await import('./server.ts');
