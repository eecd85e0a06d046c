import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const CHART = fileURLToPath(new URL('../../deploy/helm/zego-video-token', import.meta.url));
const RENDERER = fileURLToPath(new URL('render.go', import.meta.url));

type Values = { [name: string]: unknown };

/** An object of Kubernetes; its inside is checked by the schema of its kind. */
export type KubernetesObject = {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  // biome-ignore lint/suspicious/noExplicitAny: manifests have as many shapes as kinds.
  [field: string]: any;
};

export function readChart(file: string): Values {
  return parse(readFileSync(join(CHART, file), 'utf8'));
}

/** Values over the chart's own, as Helm merges them: maps by name, and null removes a name. */
function withDefaults(values: Values, defaults = readChart('values.yaml')): Values {
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(values)) {
    if (value === null) delete merged[name];
    else merged[name] = isMap(value) ? withDefaults(value, (merged[name] ?? {}) as Values) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Builds the program that renders the chart, and returns how to call it. */
export function buildRenderer(folder: string): (values: Values) => string {
  const program = join(folder, 'render');
  // Debian's packages of Go libraries are used by path, without modules.
  const env = {
    ...{ PATH: process.env.PATH, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    GOCACHE: process.env.GOCACHE ?? join(folder, 'cache'),
  };
  execFileSync('go', ['build', '-o', program, RENDERER], { env });
  const { name: Name, appVersion: AppVersion } = readChart('Chart.yaml');
  const templates = readdirSync(join(CHART, 'templates')).map((file) =>
    join(CHART, 'templates', file),
  );
  return (values) =>
    execFileSync(program, templates, {
      encoding: 'utf8',
      input: JSON.stringify({
        Values: withDefaults(values),
        Chart: { Name, AppVersion },
        Release: { Name: 'zego-video-token' },
      }),
    });
}

export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** What values.schema.json says of values over the chart's own; empty when they are right. */
export function schemaErrors(values: Values): string {
  const validate = `
import json, sys, jsonschema
schema, values = json.load(sys.stdin)
jsonschema.Draft7Validator.check_schema(schema)
for error in jsonschema.Draft7Validator(schema).iter_errors(values):
    print(error.json_path, error.message[:200])`;
  const input = JSON.stringify([readChart('values.schema.json'), withDefaults(values)]);
  const { status, stdout, stderr } = spawnSync('python3', ['-c', validate], {
    encoding: 'utf8',
    input,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
