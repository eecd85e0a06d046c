import { readFile, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { describeInternalApi, describePublicApi } from '../openapi/documents.ts';
import type { Terminal } from './terminal.ts';

const DOCUMENTS = {
  'openapi.yaml': describePublicApi,
  'openapi.internal.yaml': describeInternalApi,
};

/** Writes the OpenAPI documents from the route schemas; with `check` only says whether they would change. */
export async function openapi({ check, terminal }: { check: boolean; terminal: Terminal }) {
  let upToDate = true;
  for (const [file, describe] of Object.entries(DOCUMENTS)) {
    const text = stringify(await describe(), { lineWidth: 100, aliasDuplicateObjects: false });
    if (!check) {
      await writeFile(file, text);
      terminal.print(`Wrote ${file}.`);
    } else if ((await readFile(file, 'utf8')) !== text) {
      upToDate = false;
      terminal.note(`${file} differs from the route schemas: run npm run openapi.`);
    }
  }
  return upToDate;
}
