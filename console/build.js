// Builds the console into console/dist. Runs after npm ci, also where the development packages are absent, and on the
// Node.js of the PATH: plain JavaScript, and no failure.
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

let rolldown;
try {
  ({ build: rolldown } = await import('rolldown'));
} catch {
  console.log('The console is not built: it needs the development packages (npm ci).');
}
if (rolldown) {
  await rolldown({
    input: path('src/main.tsx'),
    output: { file: path('dist/console.js'), format: 'esm', minify: true },
    logLevel: 'warn',
  });
  for (const name of ['index.html', 'console.css', 'icon.svg'])
    copyFileSync(path(name), path(`dist/${name}`));
}
