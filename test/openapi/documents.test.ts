import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  describeBackendApi,
  describeInternalApi,
  describePublicApi,
} from '../../tools/openapi/documents.ts';

it.each([
  ['openapi.yaml', describePublicApi],
  ['openapi.internal.yaml', describeInternalApi],
  ['openapi.backend.yaml', describeBackendApi],
])('%s says what the schemas of the routes say', async (file, describe) => {
  const written = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  expect(await describe()).toEqual(parse(written));
});
