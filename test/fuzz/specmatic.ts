import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const SPECMATIC = 'specmatic@2.55.1';
/** After one request without an answer Specmatic gives up all that follow. */
const TIMEOUT_SECONDS = 60;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** As much of an OpenAPI document as is changed for its tests. */
export type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties: Record<string, { items?: object }> }> };
};

type Operation = {
  parameters?: { name: string }[];
  requestBody?: { content: Record<string, { schema?: object }> };
};

export type FuzzOptions = {
  folder: string;
  /** The OpenAPI document, in the root of the project. */
  document: string;
  origin: string;
  bearer: string;
  /** Values that the directory knows, by schema and parameter: what a valid request is made of. */
  dictionary: object;
  /** Puts other parameters and values into the document. */
  adapt?(document: Document): void;
};

/** One generated request whose answer the document does not describe. */
type Failure = { scenario: string; reason: string };

export type FuzzResult = { requests: number; failures: Failure[]; output: string };

/** Lets Specmatic ask everything that it makes of the document: what fits the schemas, and what does not. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { folder, document, bearer, dictionary, origin, adapt = () => {} } = options;
  const name = document.replace('.yaml', '');
  const described = narrow(parse(readFileSync(join(ROOT, document), 'utf8'))) as Document;
  adapt(described);
  const credential = { type: 'bearer', token: bearer };
  const files = {
    [document]: described,
    [`${name}_dictionary.yaml`]: dictionary,
    'specmatic.yaml': {
      version: 2,
      contracts: [{ provides: [document] }],
      test: { resiliencyTests: { enable: 'all' } },
      security: { OpenAPI: { securitySchemes: { credential } } },
    },
  };
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(folder, file), stringify(content, { aliasDuplicateObjects: false }));
  }
  const args = [
    '--yes',
    SPECMATIC,
    'test',
    `--testBaseURL=${origin}`,
    `--timeout=${TIMEOUT_SECONDS}`,
  ];
  const child = spawn('npx', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  await once(child, 'close');
  const [, run, failed, broken] =
    /^Tests run: (\d+), Successes: \d+, Failures: (\d+), .*Errors: (\d+)/m.exec(output) ?? [];
  const failures = readFailures(output);
  if (failures.length !== Number(failed) + Number(broken)) throw new Error(output);
  return { requests: Number(run), failures, output };
}

/** Specmatic's generator of strings reads no Unicode classes, and puts paths together unencoded. */
function narrow(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(narrow);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    const unicode = key === 'pattern' && String(inner).includes('\\p{');
    return [key, unicode ? '^[A-Za-z0-9_-]*$' : narrow(inner)];
  });
  return Object.fromEntries(entries);
}

function readFailures(output: string): Failure[] {
  return output
    .split(/^(?=[+-]ve {2}Scenario: )/m)
    .map((part) => /^(.*) (?:has FAILED|was ABORTED)\n+Reason:\n(.*)/s.exec(part))
    .flatMap((match) => (match ? [{ scenario: match[1] ?? '', reason: cut(match[2]) }] : []));
}

/** What follows is about the next request. */
function cut(text = ''): string {
  return text.split('\n------')[0]?.trim() ?? '';
}
