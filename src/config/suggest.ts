import type { ConfigProblem } from './problems.ts';
import { FILE_VARIABLES, variables } from './variables.ts';

const MAX_DISTANCE = 2;
/** Of a short name one letter makes another word: HOME is not HOST. */
const SHORT = 6;
const OUR_PREFIX = /^(ZEGO|TOKEN|AUTH|ACCESS|RATE_LIMIT|CORS|SHUTDOWN)_/;
const SERVICE_HOST = '_SERVICE_HOST';

const NAMES: readonly string[] = [
  ...Object.keys(variables),
  ...FILE_VARIABLES.map((name) => `${name}_FILE`),
];

/** A name that is not ours but looks like it, and the one that was probably meant. */
export type UnknownVariable = { variable: string; suggestion: string | undefined };

/**
 * Names within a letter or two of ours, or under our prefixes: most often a typo. Those that Kubernetes
 * injects for a Service are nobody's typo (https://kubernetes.io/docs/concepts/services-networking/service/).
 */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>) {
  const names = Object.keys(environment);
  const services = names
    .filter((name) => name.endsWith(SERVICE_HOST))
    .map((name) => name.slice(0, -SERVICE_HOST.length));
  const isInjected = (name: string) =>
    services.some((service) =>
      [`${service}_SERVICE_`, `${service}_PORT`].some((start) => name.startsWith(start)),
    );
  return names.flatMap((variable): UnknownVariable[] => {
    if (NAMES.includes(variable) || isInjected(variable)) return [];
    const suggestion = nearest(variable);
    return suggestion || OUR_PREFIX.test(variable) ? [{ variable, suggestion }] : [];
  });
}

export function describeUnknown({ variable, suggestion }: UnknownVariable): ConfigProblem {
  const message = suggestion ? `did you mean ${suggestion}?` : 'correct the name, or remove it';
  return { variable, message: `is not known; ${message}` };
}

function nearest(name: string): string | undefined {
  const allowed = name.length < SHORT ? 1 : MAX_DISTANCE;
  const close = NAMES.map((known) => ({ known, distance: distanceOf(name, known) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance);
  return close[0]?.known;
}

/** Insertions, deletions, substitutions and swaps of neighbours (Damerau-Levenshtein, restricted). */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return MAX_DISTANCE + 1;
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same, swapped));
    }
  }
  return at(a.length, b.length);
}
