import { ZEGO_RULES, zegoRefusal } from '../identifiers.ts';
import { printable, printableJson } from '../messages/printable.ts';
import { decodePayload, type TokenKind } from '../token/payload.ts';
import {
  decode,
  decodeEnvelope,
  MAX_LIFETIME_SECONDS,
  type Token04Claims,
  Token04Error,
} from '../token04/index.ts';
import { type Output, type Terminal, table, verdict } from './terminal.ts';
import { mistakeOfForm, mistakeOfKey, unwrapToken } from './token-mistakes.ts';

/** The expected values of a token. */
export type Expectations = {
  /** The current ServerSecret, then the previous one. */
  secrets: readonly string[];
  appId?: number | undefined;
  userId?: string | undefined;
  roomId?: string | undefined;
  videoId?: string | undefined;
  /** The kind that it must be. */
  kind?: TokenKind | undefined;
  /** The AppSign of the project, to see whether it was used as the key. */
  appSign?: string | undefined;
  /** Unix seconds. */
  now: number;
};

/** Why ZEGO would refuse a token, with the error number of its SDK if known. */
type Problem = { code: string; message: string; zegoError?: number };

export type Inspection = {
  /** ZEGO would accept the token now. */
  valid: boolean;
  /** The kind, by its payload; null if it cannot be read or is none of ZEGO's. */
  kind: TokenKind | null;
  mode: 'cbc' | 'gcm' | null;
  claims: Token04Claims | null;
  problems: Problem[];
};

/** Error numbers of ZEGO's SDKs (developer documentation, error codes 1002074 to 1002080, 20014). */
const ZEGO = {
  payload: 1002075,
  appId: 1002076,
  userId: 1002077,
  expired: 1002078,
  version: 1002079,
  nonce: 1002080,
  signature: 20014,
} as const;

const ZEGO_ERROR_OF: Readonly<Record<string, number>> = {
  is_jwt: ZEGO.version,
  not_token04: ZEGO.version,
  truncated: ZEGO.version,
  wrong_secret: ZEGO.signature,
  tampered: ZEGO.signature,
  expire_mismatch: ZEGO.signature,
};

/** The error of ZEGO for a claim that is missing or of the wrong type. */
const ZEGO_ERROR_OF_CLAIM: Readonly<Record<string, number>> = {
  app_id: ZEGO.appId,
  user_id: ZEGO.userId,
  ctime: ZEGO.expired,
  expire: ZEGO.expired,
  nonce: ZEGO.nonce,
  payload: ZEGO.payload,
};

const CLOCK_TOLERANCE_SECONDS = 5;
/** The year 5138; later times are in milliseconds. */
const LATEST_SECONDS = 1e11;

/** Validates a token as ZEGO does, and lists the problems; takes it out of quotes, JSON and the like. Never throws. */
export function inspectToken(pasted: string, expected: Expectations): Inspection {
  const token = unwrapToken(pasted);
  try {
    const { mode, claims, secretIndex } = decode(token, { secrets: expected.secrets });
    const { kind, problems: inPayload } = readPayload(claims.payload, expected);
    const problems = [
      ...(secretIndex > 0 ? [PREVIOUS_SECRET] : []),
      ...claimProblems(claims, expected),
      ...inPayload,
    ];
    return { valid: problems.length === 0, kind, mode, claims, problems };
  } catch (error) {
    if (!(error instanceof Token04Error)) throw error;
    const problem = problemOf(error, token, expected);
    return { valid: false, kind: null, mode: null, claims: null, problems: [problem] };
  }
}

/** The known mistake behind an error, or else the error. */
function problemOf({ code, message }: Token04Error, token: string, given: Expectations): Problem {
  if (code === 'claims_invalid') {
    const zegoError = ZEGO_ERROR_OF_CLAIM[/^\w+/.exec(message)?.[0] ?? ''] ?? ZEGO.payload;
    return { code, message, zegoError };
  }
  const mistake =
    code === 'wrong_secret'
      ? mistakeOfKey(decodeEnvelope(token), given)
      : code === 'tampered' || code === 'expire_mismatch'
        ? undefined
        : mistakeOfForm(token, given);
  const zegoError = ZEGO_ERROR_OF[code];
  return { ...(mistake ?? { code, message }), ...(zegoError && { zegoError }) };
}

const PREVIOUS_SECRET: Problem = {
  code: 'previous_secret',
  message:
    'Made with the previous ServerSecret: ZEGO accepts only the active one. Ask for a new token.',
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
    const message = `ZEGO accepts user ids of ${refusal.expected}; got ${refusal.received}.`;
    add('user_id_refused', message, refusal.zegoError);
  }
  if (claims.expireAt > LATEST_SECONDS || claims.createdAt > LATEST_SECONDS) {
    add('milliseconds', 'Its times are in milliseconds: ZEGO reads seconds.', ZEGO.expired);
    return problems;
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

const NO_KIND: Problem = {
  code: 'payload_invalid',
  message:
    'The payload is none that ZEGO knows: "" (basic), {"room_id":…,"privilege":…} (room) or {"room_id":…,"video_id":…} (video), as JSON text.',
  zegoError: ZEGO.payload,
};

function readPayload(
  payload: string,
  { kind: wanted, roomId, videoId }: Expectations,
): Pick<Inspection, 'kind' | 'problems'> {
  const fields = decodePayload(payload);
  if (!fields) return { kind: null, problems: [NO_KIND] };
  const { kind } = fields;
  const problems: Problem[] = [];
  const add = (code: string, message: string, zegoError?: number) =>
    problems.push({ code, message, ...(zegoError !== undefined && { zegoError }) });
  if (wanted !== undefined && kind !== wanted) {
    add('kind_mismatch', `It is a ${kind} token, not a ${wanted} token.`);
  }
  const refusal = fields.roomId && zegoRefusal(fields.roomId, ZEGO_RULES.room);
  if (refusal) {
    const message = `ZEGO accepts room ids of ${refusal.expected}; got ${refusal.received}.`;
    add('room_id_refused', message, refusal.zegoError);
  }
  if (roomId !== undefined && kind !== 'basic' && fields.roomId !== roomId) {
    add('room_id_mismatch', `It is for room ${fields.roomId}, not ${roomId}.`);
  }
  if (videoId !== undefined && fields.videoId !== videoId) {
    add('video_id_mismatch', `It is for video ${fields.videoId ?? 'none'}, not ${videoId}.`);
  }
  for (const { code, message } of fields.mistakes) add(code, message, ZEGO.payload);
  return { kind, problems };
}

/** Prints the claims and the problems of a token; returns whether ZEGO would accept it now. */
export function inspect(
  token: string,
  expected: Expectations,
  { json, terminal }: Output,
): boolean {
  const inspection = inspectToken(token, expected);
  terminal.print(json ? printableJson(inspection) : render(inspection, expected.now, terminal));
  return inspection.valid;
}

function render(
  { claims, kind, mode, problems }: Inspection,
  now: number,
  terminal: Terminal,
): string {
  const lines: string[] = [];
  if (claims) {
    const rows: [string, string][] = [
      ['kind', kind ?? 'unknown'],
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
  if (problems.length === 0)
    lines.push(verdict(terminal, true, 'ZEGO would accept this token now.'));
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
