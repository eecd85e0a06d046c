import { readFile, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { createOpenApiDocument } from '../openapi.ts';
import type { Terminal } from './terminal.ts';

/** Writes openapi.yaml from the route schemas; with `check` only says whether it would change. */
export async function openapi(
  file: string,
  { check, terminal }: { check: boolean; terminal: Terminal },
) {
  const text = stringify(await createOpenApiDocument(), { lineWidth: 100 });
  if (!check) {
    await writeFile(file, text);
    terminal.print(`Wrote ${file}.`);
    return true;
  }
  const upToDate = (await readFile(file, 'utf8')) === text;
  if (!upToDate) terminal.note(`${file} differs from the route schemas: run npm run openapi.`);
  return upToDate;
}
