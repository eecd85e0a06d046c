import type { Environment } from './environment.ts';
import { type ConfigProblem, problem } from './problems.ts';
import { unresolvedPart, unresolvedReference } from './references.ts';
import { originOf, splitList } from './schemas.ts';
import { FILE_VARIABLES, type VariableName, variables } from './variables.ts';

const PUBLIC_KEYS = ['AUTH_JWT_PUBLIC_KEY', 'AUTH_JWT_PUBLIC_KEY_PREVIOUS'] as const;
const isPublicKey = (name: string) => (PUBLIC_KEYS as readonly string[]).includes(name);
const SECRETS = FILE_VARIABLES.filter((name) => !isPublicKey(name));
/** Placeholders in our examples and in common templates. */
const PLACEHOLDER =
  /replace[-_ ]?me|change[-_ ]?me|placeholder|random[- ]characters|characters[- ]of[- ](the[- ]console|before)|at-least-32-bytes|your[-_ ][\w -]{0,40}(secret|key)/i;
const PATH = /^[\w./~-]+\.(pem|pub|key|crt|cer|json)$|^[.~]?\/[\w./-]+$/;
const HMAC = ['HS256', 'HS384', 'HS512'];
/** A PEM may end with a newline. */
const NAMES = (Object.keys(variables) as VariableName[]).filter((name) => !isPublicKey(name));
const WILDCARDS = ['0.0.0.0', '::'];

/** Detects common mistakes that deserve a specific message. */
export function commonMistakes(texts: Readonly<Record<string, string>>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (variable: string, message: string) => problems.push({ variable, message });
  for (const name of NAMES) {
    const mistake = quotedOrPadded(texts[name] ?? '');
    if (mistake) problems.push(problem(name, mistake));
  }
  for (const name of FILE_VARIABLES) {
    const text = texts[name] ?? '';
    const isUrl = name === 'DATABASE_URL' || name === 'REDIS_URL';
    const reference = unresolvedReference(text) ?? (isUrl ? unresolvedPart(text) : undefined);
    if (reference) add(name, reference);
  }
  for (const name of SECRETS) {
    if (PLACEHOLDER.test(texts[name] ?? '')) {
      add(name, 'is a publicly known placeholder; set your own secret');
    }
  }
  for (const name of SECRETS) {
    if (texts[name]?.includes('\ufffd')) {
      add(name, 'is not UTF-8: a character of it was replaced; give a secret of ASCII characters');
    }
  }
  for (const name of PUBLIC_KEYS.filter((one) => PATH.test(texts[one] ?? ''))) {
    add(name, `is a path, not a key; give the path as ${name}_FILE`);
  }
  const algorithms = splitList(texts.AUTH_ALGORITHMS ?? '');
  // With a preset, the secret is one of several keys.
  const isOnlyKey = texts.AUTH_JWT_SECRET && !texts.AUTH_PROVIDER;
  if (isOnlyKey && texts.AUTH_ALGORITHMS && !algorithms.every((name) => HMAC.includes(name))) {
    const message = 'must be HS256, HS384 or HS512 with a shared secret';
    add('AUTH_ALGORITHMS', `${message} (for example AUTH_ALGORITHMS=HS256)`);
  }
  const origin = splitList(texts.CORS_ORIGINS ?? '')
    .map(normalizedOrigin)
    .find(Boolean);
  if (origin) {
    const message = `an origin has no trailing slash and no path; use ${origin}`;
    problems.push(problem('CORS_ORIGINS', message));
  }
  if (/^(tcp|udp):/.test(texts.INTERNAL_PORT ?? '')) {
    const message = 'was injected by Kubernetes for a Service named internal';
    add('INTERNAL_PORT', `${message}; set enableServiceLinks: false in the Pod`);
  }
  if (sharePort(texts)) {
    add('INTERNAL_PORT', 'and PORT are the same; give each listener a port of its own');
  }
  return problems;
}

/** Only shells and `.env` remove quotes; `docker run --env-file` and Kubernetes keep them. */
function quotedOrPadded(text: string): string | undefined {
  if (/^(["']).*\1$/s.test(text)) {
    return 'is in quotes, which docker run --env-file and Kubernetes take as a part of it; leave them out';
  }
  if (/^\s|\s$/.test(text)) return 'begins or ends with a space or a line end; remove it';
  return undefined;
}

/** The correct form of an origin that is not normalized or has a path. */
function normalizedOrigin(item: string): string | undefined {
  const origin = /^[a-z]+:\/\/[^*@?#;\s]+$/i.test(item) ? originOf(item) : undefined;
  return origin !== item && origin !== 'null' ? origin : undefined;
}

function sharePort(texts: Readonly<Record<string, string>>): boolean {
  const {
    HOST = '0.0.0.0',
    PORT = '8080',
    INTERNAL_HOST = '127.0.0.1',
    INTERNAL_PORT = '9090',
  } = texts;
  const overlap =
    HOST === INTERNAL_HOST || [HOST, INTERNAL_HOST].some((host) => WILDCARDS.includes(host));
  return PORT === INTERNAL_PORT && PORT !== '0' && overlap;
}

/**
 * Finds secrets that `.env` truncates: `#` starts a comment in an unquoted value.
 *
 * @param text the text of `.env`
 */
export function secretsCutAtHash(environment: Environment, text: string): ConfigProblem[] {
  return FILE_VARIABLES.flatMap((variable) => {
    const line = new RegExp(
      `^[ \\t]*(?:export[ \\t]+)?${variable}[ \\t]*=[ \\t]*([^\\s'"\`#][^#\\r\\n]*)#`,
      'm',
    );
    const [, kept = ''] = line.exec(text) ?? [];
    if (kept === '' || /\s$/.test(kept) || environment[variable] !== kept) return [];
    return [{ variable, message: 'ends at the # in .env; put the value into single quotes' }];
  });
}
