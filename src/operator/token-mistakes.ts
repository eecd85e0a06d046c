import { createDecipheriv, createHash } from 'node:crypto';

/** Why a text is not a token04 that ZEGO accepts. */
export type Mistake = { code: string; message: string };

/** Bytes that some generator laid out in its own way. */
type Layout = { expireAt?: bigint; iv: Buffer; ciphertext: Buffer };
type Key = { code: string; message: string; key: Buffer };

const MAX_UNWRAPPED = 8;
/** From 2001 to 2286: what an expiry in Unix seconds can be. */
const [EARLIEST, LATEST] = [1_000_000_000n, 9_999_999_999n];

/** Takes away what is around a token that was copied from a log, a response or a request. */
export function unwrapToken(pasted: string): string {
  let text = pasted.trim();
  for (let layer = 0; layer < MAX_UNWRAPPED; layer++) {
    const inner = unwrapOnce(text).trim();
    if (inner === text) return text;
    text = inner;
  }
  return text;
}

function unwrapOnce(text: string): string {
  const parsed = text.startsWith('"') ? parsedJson(text) : undefined;
  if (typeof parsed === 'string') return parsed;
  const quoted = /^(["'`])(.*)\1[,;]?$/s.exec(text)?.[2];
  if (quoted !== undefined) return quoted;
  if (/^(bearer|token|authorization)[ :=]+/i.test(text)) return text.replace(/^\w+[ :=]+/, '');
  if (/^[[{]/.test(text)) return tokenInJson(text) ?? text;
  if (/%(25|2[bf]|3d|22|7b)/i.test(text)) return decodedUrl(text);
  // A kit token of ZEGO's UIKit for the web: token04 "#" base64(JSON).
  if (/^04[^#]+#/.test(text)) return text.slice(0, text.indexOf('#'));
  return text.replace(/\\[rn]|[\r\n\t]/g, '');
}

function tokenInJson(text: string): string | undefined {
  const find = (value: unknown): string | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && (/token/i.test(name) || inner.startsWith('04')))
        return inner;
      const found = find(inner);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(parsedJson(text));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodedUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const JWT = /^(04)?eyJ[\w+/-]*={0,2}\.[\w+/-]+={0,2}\.[\w+/-]*={0,2}$/;

/** Texts that are something else, in the order in which they are tried. */
const FORMS: readonly { code: string; message: string; matches(text: string): boolean }[] = [
  {
    code: 'is_jwt',
    message: 'This is a JWT, not a token04: ZEGO cannot read it.',
    matches: (text) =>
      JWT.test(text) || JWT.test(fromBase64(withoutPrefix(text)).toString('latin1')),
  },
  {
    code: 'is_hash',
    message:
      'This is an HMAC, a hash or an AppSign, not a token04: ZEGO needs the encrypted claims, not a signature over them.',
    matches: (text) =>
      /^(04)?([\da-f]{32}|[\da-f]{40}|[\da-f]{64}|[\da-f]{128})$/i.test(text) ||
      /^(04)?([\w+/-]{27}=?|[\w+/-]{43}=?|[\w+/-]{86}(==)?)$/.test(text),
  },
  {
    code: 'is_token03',
    message: 'This is a token03, an older format: the SDKs of today need a token04.',
    matches: (text) => /^0[123]/.test(text) && BASE64.test(text) && text.length > 60,
  },
  {
    code: 'plus_lost',
    message:
      'Spaces stand where + was: it was decoded as a form; send the token as JSON, or encode it once.',
    matches: (text) => text.includes(' ') && isToken(text.replaceAll(' ', '+')),
  },
  {
    code: 'base64url',
    message: 'It is in base64url (- and _): ZEGO needs base64 with + and /, and with its padding.',
    matches: (text) =>
      /[-_]/.test(text) && isToken(padded(text.replaceAll('-', '+').replaceAll('_', '/'))),
  },
  {
    code: 'padding_lost',
    message: 'The = at its end was cut off: ZEGO needs base64 with its padding.',
    matches: (text) => !text.endsWith('=') && isToken(padded(text)),
  },
  {
    code: 'prefix_missing',
    message: 'The characters 04 at its start are missing.',
    matches: (text) => !text.startsWith('04') && isToken(`04${text}`),
  },
  {
    code: 'prefix_encoded',
    message: 'The characters 04 are inside of the base64: they stand before it.',
    matches: (text) => fromBase64(text).subarray(0, 2).toString('latin1') === '04',
  },
  {
    code: 'encoded_twice',
    message: 'It is encoded in base64 twice.',
    matches: (text) =>
      BASE64.test(fromBase64(withoutPrefix(text)).toString('latin1')) && text.length > 80,
  },
  {
    code: 'is_hex',
    message: 'It is in hex: ZEGO needs base64 behind the characters 04.',
    matches: (text) => /^(04)?([\da-f]{2}){40,}$/i.test(text),
  },
  {
    code: 'not_encrypted',
    message:
      'Its claims are not encrypted: anybody can read and change them, and ZEGO cannot read the token.',
    matches: (text) =>
      /"(app_id|user_id|room_id)"/.test(fromBase64(withoutPrefix(text)).toString('latin1')),
  },
];

/** Layouts of generators that were written from memory. Each returns undefined where the bytes are not of that length. */
const LAYOUTS: readonly {
  code: string;
  message: string;
  read(bytes: Buffer): Layout | undefined;
}[] = [
  {
    code: 'mode_byte_missing',
    message: 'It is encrypted with GCM, and the byte 01 at its end is missing.',
    read: (bytes) => standard(bytes, 8, 12),
  },
  {
    code: 'expiry_32bit',
    message: 'Its expiry has 4 bytes: ZEGO reads 8 (int64, big-endian).',
    read: (bytes) => standard(bytes, 4, 16) ?? standard(bytes, 4, 12),
  },
  {
    code: 'expiry_missing',
    message: 'The 8 bytes of its expiry are missing before the IV.',
    read: (bytes) => standard(bytes, 0, 16),
  },
  {
    code: 'iv_length_missing',
    message: 'The length of the IV is missing: two bytes before it (0010).',
    read: (bytes) => sized(bytes, 8, 24),
  },
  {
    code: 'ciphertext_length_missing',
    message: 'The length of the encrypted part is missing: two bytes before it.',
    read: (bytes) => (uint16(bytes, 8) === 16 ? blocks(bytes, 10, 26) : undefined),
  },
  {
    code: 'lengths_missing',
    message: 'The lengths of the IV and of the encrypted part are missing: two bytes before each.',
    read: (bytes) => blocks(bytes, 8, 24),
  },
  {
    code: 'little_endian',
    message: 'Its numbers are little-endian: ZEGO reads big-endian.',
    read: (bytes) => {
      const isIt =
        bytes.length > 28 &&
        bytes.readUInt16LE(8) === 16 &&
        bytes.readUInt16LE(26) === bytes.length - 28;
      return isIt
        ? {
            expireAt: bytes.readBigInt64LE(0),
            iv: bytes.subarray(10, 26),
            ciphertext: bytes.subarray(28),
          }
        : undefined;
    },
  },
];

/** The layout of ZEGO with an expiry of `head` bytes. */
function standard(bytes: Buffer, head: number, ivBytes: number): Layout | undefined {
  return uint16(bytes, head) === ivBytes
    ? sized(bytes, head + 2, head + 2 + ivBytes, head)
    : undefined;
}

/** An encrypted part whose length stands at `at`, behind the IV from `ivAt`. */
function sized(bytes: Buffer, ivAt: number, at: number, head = 8): Layout | undefined {
  if (uint16(bytes, at) !== bytes.length - at - 2) return undefined;
  return {
    ...expiryOf(bytes, head),
    iv: bytes.subarray(ivAt, at),
    ciphertext: bytes.subarray(at + 2),
  };
}

/** An encrypted part without its length. */
function blocks(bytes: Buffer, ivAt: number, at: number): Layout | undefined {
  const isWhole = bytes.length > at && (bytes.length - at) % 16 === 0;
  return isWhole
    ? { ...expiryOf(bytes, 8), iv: bytes.subarray(ivAt, at), ciphertext: bytes.subarray(at) }
    : undefined;
}

function expiryOf(bytes: Buffer, head: number): Pick<Layout, 'expireAt'> {
  if (head === 8) return { expireAt: bytes.readBigInt64BE(0) };
  return head === 4 ? { expireAt: BigInt(bytes.readUInt32BE(0)) } : {};
}

function uint16(bytes: Buffer, at: number): number | undefined {
  return bytes.length >= at + 2 ? bytes.readUInt16BE(at) : undefined;
}

/** What teams make of a ServerSecret before they encrypt with it. */
function keysOf(secret: string, appSign: string | undefined): Key[] {
  const because = 'ZEGO uses the 32 characters of the ServerSecret as they are';
  const keys: [code: string, message: string, key: Buffer][] = [
    [
      'key_hex_decoded',
      `The ServerSecret was hex-decoded: ${because}.`,
      Buffer.from(secret, 'hex'),
    ],
    [
      'key_cut',
      `Only the first 16 bytes of the ServerSecret were used: ${because}.`,
      Buffer.from(secret).subarray(0, 16),
    ],
    [
      'key_cut',
      `Only the first 24 bytes of the ServerSecret were used: ${because}.`,
      Buffer.from(secret).subarray(0, 24),
    ],
    [
      'key_hashed',
      `The SHA-256 of the ServerSecret was used: ${because}.`,
      digest('sha256', secret),
    ],
    ['key_hashed', `The MD5 of the ServerSecret was used: ${because}.`, digest('md5', secret)],
    [
      'key_hashed',
      `The MD5 of the ServerSecret was used: ${because}.`,
      Buffer.from(digest('md5', secret).toString('hex')),
    ],
    [
      'key_base64_decoded',
      `The ServerSecret was base64-decoded: ${because}.`,
      Buffer.from(secret, 'base64'),
    ],
  ];
  const sign = 'The AppSign was used as the key: ZEGO uses the ServerSecret.';
  if (appSign !== undefined) {
    const parts = [
      Buffer.from(appSign, 'hex'),
      Buffer.from(appSign).subarray(0, 32),
      Buffer.from(appSign, 'hex').subarray(0, 16),
    ];
    for (const key of parts) keys.push(['key_app_sign', sign, key]);
  }
  return keys.map(([code, message, key]) => ({ code, message, key }));
}

function digest(algorithm: string, text: string): Buffer {
  return createHash(algorithm).update(text).digest();
}

/** What is given to find a mistake. */
export type Secrets = { secrets: readonly string[]; appSign?: string | undefined };

/** Names the mistake of a text that is not a token04, if it is a known one. */
export function mistakeOfForm(text: string, given: Secrets): Mistake | undefined {
  const form = FORMS.find(({ matches }) => matches(text));
  if (form) return { code: form.code, message: form.message };
  const bytes = fromBase64(withoutPrefix(text));
  const candidates = LAYOUTS.flatMap(({ code, message, read }) => {
    const layout = read(bytes);
    return layout ? [{ code, message, layout }] : [];
  });
  const keys = given.secrets.map((secret) => Buffer.from(secret));
  const opened = candidates.find(({ layout }) => keys.some((key) => opens(layout, key)));
  const plausible = candidates.find(
    ({ layout: { expireAt } }) =>
      expireAt === undefined || (expireAt >= EARLIEST && expireAt <= LATEST),
  );
  const found = opened ?? plausible;
  return found && { code: found.code, message: found.message };
}

/** Names what was made of a secret before a token was encrypted, if it is a known mistake. */
export function mistakeOfKey(
  layout: { iv: Uint8Array; ciphertext: Uint8Array },
  given: Secrets,
): Mistake | undefined {
  const bytes = { iv: Buffer.from(layout.iv), ciphertext: Buffer.from(layout.ciphertext) };
  for (const secret of given.secrets) {
    const found = keysOf(secret, given.appSign).find(({ key }) => opens(bytes, key));
    if (found) return { code: found.code, message: found.message };
  }
  return undefined;
}

/** Whether a key decrypts to JSON, by CBC for an IV of 16 bytes, else by GCM. */
function opens({ iv, ciphertext }: Layout, key: Buffer): boolean {
  if (![16, 24, 32].includes(key.length)) return false;
  const isCbc = iv.length === 16;
  try {
    const bits = key.length * 8;
    const decipher = isCbc
      ? createDecipheriv(`aes-${bits}-cbc`, key, iv).setAutoPadding(false)
      : createDecipheriv(`aes-${bits}-gcm` as 'aes-256-gcm', key, iv);
    const text = decipher.update(isCbc ? ciphertext : ciphertext.subarray(0, -16));
    return /^\{\s*"/.test(text.toString('latin1'));
  } catch {
    return false;
  }
}

function withoutPrefix(text: string): string {
  return text.replace(/^04/, '');
}

function fromBase64(text: string): Buffer {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
}

function padded(text: string): string {
  const body = withoutPrefix(text).replace(/=+$/, '');
  return `${text.startsWith('04') ? '04' : ''}${body}${'='.repeat((4 - (body.length % 4)) % 4)}`;
}

/** Whether a text has the layout of a token04. */
function isToken(text: string): boolean {
  if (!text.startsWith('04')) return false;
  const bytes = fromBase64(withoutPrefix(text));
  if (bytes.toString('base64') !== withoutPrefix(text)) return false;
  const isGcm = uint16(bytes, 8) === 12 && bytes.at(-1) === 1;
  const layout = isGcm ? standard(bytes.subarray(0, -1), 8, 12) : standard(bytes, 8, 16);
  return layout !== undefined;
}
