import { isIP } from 'node:net';
import { z } from 'zod';
import { parseSecret } from '../token04/index.ts';

/** Schemas for environment variables; each message states the valid values. */

export function integer(min: number, max: number) {
  const message = `must be an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

export function choice<const T extends string>(values: readonly [T, ...T[]]) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

export function flag() {
  return choice(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true');
}

export function splitList(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

/** A comma-separated list; `items` names the items in the message. */
export function list(isItem: (item: string) => boolean, items: string) {
  return z
    .string()
    .transform(splitList)
    .refine(
      (given) => given.every((item) => item !== '' && isItem(item)),
      `must be a list of ${items}, separated by commas`,
    );
}

/** A file path. A URL would be created as folders, and its password would be logged. */
export function path() {
  return z
    .string()
    .refine((value) => !/^[a-z][a-z\d+.-]*:\/\//i.test(value), 'must be a path, not a URL');
}

/** A host name or an IP address to listen on. */
export function host() {
  return z
    .string()
    .refine(
      (value) => isIP(value) !== 0 || /^[\w.-]+$/.test(value),
      'must be a host name or an address, without a scheme, a port or brackets',
    );
}

/** A name as in the Host header, without a port. */
export function isHostName(item: string): boolean {
  return /^[\w-]+(\.[\w-]+)*$/.test(item);
}

export function secret() {
  return z
    .string()
    .min(32, 'must be at least 32 characters long')
    .regex(
      /^[\w\-.~+/]+=*$/,
      'must contain only letters, digits and - . _ ~ + / =, because it is sent in a header',
    );
}

/** A ServerSecret; token04 provides the message, because it recognizes an AppSign. */
export function serverSecret() {
  return z.string().superRefine((value, context) => {
    try {
      parseSecret(value);
    } catch (error) {
      const message = (error as Error).message.replace(/^The ServerSecret /, '').replace(/\.$/, '');
      context.addIssue({ code: 'custom', message });
    }
  });
}

/** An origin as browsers send it. A wildcard would silently match nothing. */
export function isOrigin(item: string): boolean {
  return !item.includes('*') && originOf(item) === item;
}

/** What pages in the WebViews of Capacitor, Ionic, Tauri and Electron send; URL knows no origin of such schemes. */
const WEBVIEW_ORIGIN = /^((?:capacitor|ionic|tauri|app):\/\/[\w.-]+(?::\d+)?)(?:\/.*)?$/i;

/** The origin of a URL, as a browser or a WebView sends it. */
export function originOf(url: string): string | undefined {
  const { protocol = '', origin } = URL.parse(url) ?? {};
  return (
    WEBVIEW_ORIGIN.exec(url)?.[1]?.toLowerCase() ??
    (/^https?:$/.test(protocol) ? origin : undefined)
  );
}

/** The shortest prefixes, in bits: wider ranges would trust large parts of the internet. */
const MIN_PREFIX = { 4: 8, 6: 7 };
/** An IPv4-mapped IPv6 address, `::ffff:10.0.0.1`: 96 bits more than for IPv4. */
const MIN_MAPPED_PREFIX = 104;

/** An address or a CIDR range. A hop count or `true` would let clients spoof their address. */
export function isCidr(item: string): boolean {
  const [address = '', prefix, ...more] = item.split('/');
  const family = isIP(address) as 0 | 4 | 6;
  if (family === 0 || more.length > 0) return false;
  if (prefix === undefined) return true;
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  const least = isMapped(address) ? MIN_MAPPED_PREFIX : MIN_PREFIX[family];
  return bits >= least && bits <= (family === 4 ? 32 : 128);
}

/** URL normalizes the address, so every notation is recognized. */
function isMapped(address: string): boolean {
  return URL.parse(`http://[${address}]`)?.hostname.startsWith('[::ffff:') === true;
}
