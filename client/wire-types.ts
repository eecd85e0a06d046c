import { readFile, writeFile } from 'node:fs/promises';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const DOCUMENT = new URL('../openapi.yaml', import.meta.url);
const TARGET = new URL('src/wire.ts', import.meta.url);
const NAMES = [
  'VideoTokenRequest',
  'VideoToken',
  'RoomTokenRequest',
  'RoomToken',
  'BasicTokenRequest',
  'BasicToken',
  'Problem',
];
const BANNER = '// Made from openapi.yaml by `npm run client:types`.';

/** The types of what goes over the wire, as openapi.yaml has them. */
export async function wireTypes(): Promise<string> {
  const { components } = parse(await readFile(DOCUMENT, 'utf8'));
  const options = {
    bannerComment: '',
    additionalProperties: false,
    format: true,
    style: { singleQuote: true, printWidth: 100 },
  };
  const types = NAMES.map((name) => compile(components.schemas[name] as JSONSchema, name, options));
  return [BANNER, ...(await Promise.all(types))].join('\n');
}

if (import.meta.main) await writeFile(TARGET, await wireTypes());
