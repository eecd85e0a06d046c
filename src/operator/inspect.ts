import { ZEGO_RULES, zegoRefusal } from '../identifiers.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { decodeVideoPayload } from '../token/payload.ts';
import {
  decode,
  MAX_LIFETIME_SECONDS,
  type Token04Claims,
  Token04Error,
} from '../token04/index.ts';
import { type Output, type Terminal, table, verdict } from './terminal.ts';

/** The expected values of a token. */
export type Expectations = {
  /** The current ServerSecret, then the previous one. */
  secrets: readonly string[];
  appId?: number | undefined;
  userId?: string | undefined;
  roomId?: string | undefined;
  videoId?: string | undefined;
  /** Unix seconds. */
  now: number;
};

/** Why ZEGO would refuse a token, with the error number of its SDK if known. */
type Problem = { code: string; message: string; zegoError?: number };

export type Inspection = {
  /** ZEGO would accept the token now. */
  valid: boolean;
  mode: 'cbc' | 'gcm' | null;
  claims: Token04Claims | null;
  problems: Problem[];
};

/** Error numbers of ZEGO's SDKs (developer documentation, error codes 1002075 to 1002080, 20014). */
const ZEGO = {
  payload: 1002075,
  appId: 1002076,
  userId: 1002077,
  expired: 1002078,
  version: 1002079,
  signature: 20014,
} as const;

const ZEGO_ERROR_OF: Readonly<Record<string, number>> = {
  is_jwt: ZEGO.version,
  not_token04: ZEGO.version,
  truncated: ZEGO.version,
  wrong_secret: ZEGO.signature,
  tampered: ZEGO.signature,
  expire_mismatch: ZEGO.signature,
  claims_invalid: ZEGO.payload,
};

const CLOCK_TOLERANCE_SECONDS = 5;

/** Validates a token as ZEGO does, and lists the problems. Never throws. */
export function inspectToken(token: string, expected: Expectations): Inspection {
  try {
    const { mode, claims, secretIndex } = decode(token, { secrets: expected.secrets });
    const problems = [
      ...(secretIndex > 0 ? [PREVIOUS_SECRET] : []),
      ...claimProblems(claims, expected),
      ...payloadProblems(claims.payload, expected),
    ];
    return { valid: problems.length === 0, mode, claims, problems };
  } catch (error) {
    if (!(error instanceof Token04Error)) throw error;
    const zegoError = ZEGO_ERROR_OF[error.code];
    const problem = { code: error.code, message: error.message, ...(zegoError && { zegoError }) };
    return { valid: false, mode: null, claims: null, problems: [problem] };
  }
}

const PREVIOUS_SECRET: Problem = {
  code: 'previous_secret',
  message:
    'Made with the previous ServerSecret: ZEGO takes only the active one. Ask for a new token.',
  zegoError: ZEGO.signature,
};

function claimProblems(claims: Token04Claims, { appId, userId, now }: Expectations): Problem[] {
  const problems: Problem[] = [];
  const add = (code: string, message: string, zegoError?: number) =>
    problems.push({ code, message, ...(zegoError !== undefined && { zegoError }) });
  const lifetime = claims.expireAt - claims.createdAt;
  if (appId !== undefined && claims.appId !== appId) {
    const message = `It is for AppID ${claims.appId}, not ${appId}: which project created it?`;
    add('app_id_mismatch', message, ZEGO.appId);
  }
  if (userId !== undefined && claims.userId !== userId) {
    const message = `It is for user ${claims.userId}, not ${userId}: the SDK must log in with the token's user id.`;
    add('user_id_mismatch', message, ZEGO.userId);
  }
  const refusal = zegoRefusal(claims.userId, ZEGO_RULES.user);
  if (refusal) {
    const message = `ZEGO takes user ids of ${refusal.expected}; got ${refusal.received}.`;
    add('user_id_refused', message, refusal.zegoError);
  }
  if (claims.expireAt <= now) {
    const message = `It expired ${now - claims.expireAt} s ago: ask for a new one before each load.`;
    add('expired', message, ZEGO.expired);
  }
  if (claims.createdAt > now + CLOCK_TOLERANCE_SECONDS) {
    const message = `It was made ${claims.createdAt - now} s in the future: set the clock of the server or of this machine.`;
    add('not_yet_valid', message);
  }
  if (lifetime < 1 || lifetime > MAX_LIFETIME_SECONDS) {
    const message = `It lives for ${lifetime} s, ZEGO allows 1 to ${MAX_LIFETIME_SECONDS}: was a timestamp given as a duration?`;
    add('lifetime_invalid', message);
  }
  return problems;
}

function payloadProblems(payload: string, { roomId, videoId }: Expectations): Problem[] {
  const fields = decodeVideoPayload(payload);
  if (!fields) {
    const message =
      'The payload is not the JSON text {"room_id":…,"video_id":…} that a video token needs.';
    return [{ code: 'payload_invalid', message, zegoError: ZEGO.payload }];
  }
  const refusal = zegoRefusal(fields.roomId, ZEGO_RULES.room);
  const refused = refusal
    ? [
        {
          code: 'room_id_refused',
          message: `ZEGO takes room ids of ${refusal.expected}; got ${refusal.received}.`,
          zegoError: refusal.zegoError,
        },
      ]
    : [];
  const differing = [
    ['room', fields.roomId, roomId],
    ['video', fields.videoId, videoId],
  ] as const;
  const mismatches = differing
    .filter(([, actual, wanted]) => wanted !== undefined && actual !== wanted)
    .map(([noun, actual, wanted]) => ({
      code: `${noun}_id_mismatch`,
      message: `It is for ${noun} ${actual}, not ${wanted}.`,
    }));
  return [...refused, ...mismatches];
}

/** Prints the claims and the problems of a token; returns whether ZEGO would accept it now. */
export function inspect(
  token: string,
  expected: Expectations,
  { json, terminal }: Output,
): boolean {
  const inspection = inspectToken(token.trim(), expected);
  terminal.print(json ? printableJson(inspection) : render(inspection, expected.now, terminal));
  return inspection.valid;
}

function render({ claims, mode, problems }: Inspection, now: number, terminal: Terminal): string {
  const lines: string[] = [];
  if (claims) {
    const rows: [string, string][] = [
      ['mode', String(mode)],
      ['app id', String(claims.appId)],
      ['user id', claims.userId],
      ['payload', claims.payload],
      ['created', describeTime(claims.createdAt, now)],
      ['expires', describeTime(claims.expireAt, now)],
      ['nonce', String(claims.nonce)],
    ];
    lines.push(table(terminal, rows), '');
  }
  if (problems.length === 0) lines.push(verdict(terminal, true, 'ZEGO would take this token now.'));
  for (const { code, message, zegoError } of problems) {
    const hint = terminal.style('dim', `(${code}${zegoError ? `, ZEGO error ${zegoError}` : ''})`);
    lines.push(verdict(terminal, false, `${printable(message)} ${hint}`));
  }
  return lines.join('\n');
}

function describeTime(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const text = Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
  const distance = seconds - now;
  return `${text} (${distance < 0 ? `${-distance} s ago` : `in ${distance} s`})`;
}
