import type { ErrorCode } from '../errors.ts';
import { PROBLEM_TYPES } from '../http/problems/table.ts';
import { printableJson } from '../messages/printable.ts';
import { type Output, table } from './terminal.ts';
import { ZEGO_CODES, zegoPageOf } from './zego-codes.ts';

/** Codes of the client package, which no log of the service has. */
type ClientCode =
  | 'credential_unavailable'
  | 'network_error'
  | 'origin_not_allowed'
  | 'unexpected_reply';

/** A problem code, `aborted`, which is in the audit log alone, or a code of the client package. */
type KnownCode = ErrorCode | 'aborted' | ClientCode;

const EXPLAIN = 'explain --user U --room R --video V says which rule, and the fact behind it.';
const WINDOW =
  'Directory: availableFrom and availableUntil of the video, or its licences, in Unix seconds.';

/** Where to find the cause of a code. */
const WHERE_TO_LOOK: Record<KnownCode, string> = {
  aborted: 'The client disconnected before the response: its timeout, or durationMs in the log.',
  invalid_request: 'The reply names the field in errors; the app must send what openapi.yaml says.',
  credential_missing: 'The app sends no Authorization header, or a proxy removes it.',
  credential_invalid:
    'The log has reason, expected and received. explain --jwt checks one JWT step by step; doctor checks the keys.',
  credential_expired:
    'The app must refresh its JWT sooner; if it is fresh, compare the clocks (doctor).',
  subject_mismatch: 'The app sends the userId of somebody else; it may leave it out.',
  user_not_allowed: `Directory: the user is unknown or suspended. With reason user_id_refused_by_zego: AUTH_USER_ID=hash; user_id_refused_by_zim: AUTH_USER_ID_LENGTH=32, or BASIC_TOKENS=on; claim_basic_token: the JWT lacks "basic_token": true. ${EXPLAIN}`,
  room_not_allowed: `Directory: no such room, closed, or the user is not a member. ${EXPLAIN}`,
  video_not_allowed: `Directory: no such video, withdrawn, or not in videoIds of the room. ${EXPLAIN}`,
  video_not_started: `${WINDOW} ${EXPLAIN}`,
  video_ended: `${WINDOW} ${EXPLAIN}`,
  region_not_allowed:
    'Directory: regions of the video, or of its licences. No country in the log: set COUNTRY_HEADER and TRUST_PROXY. explain --country C asks for one.',
  publish_not_allowed:
    'Room token: publish of the room is nobody, or hosts and the user is none of hostIds; in claims mode, no entry of the room has "publish": true.',
  read_only_key: 'Directory API: the key has the role read in ADMIN_KEYS_FILE; use one with write.',
  precondition_failed:
    'Directory API: somebody else changed the entry first; GET /directory/changes has who.',
  https_required:
    'Console: it was opened by http and a name. Use a port-forward, or put it behind https; TRUST_PROXY must have the proxy, which must send X-Forwarded-Proto.',
  cross_site:
    'Console: another page sent the request, or a proxy removes Sec-Fetch-Site and changes Origin or Host.',
  host_not_allowed: 'Console: ADMIN_HOSTS lacks the name under which the listener is reached.',
  not_found: 'The client has a wrong address, or a proxy changes the path.',
  method_not_allowed: 'The client must send POST to /video-token.',
  request_timeout: 'A slow network, or a proxy that delays the body for more than 10 s.',
  body_too_large: 'The app sends more than the two ids.',
  unsupported_media_type: 'The app must send Content-Type: application/json, uncompressed.',
  headers_too_large: 'Cookies, or a JWT with very many claims: the limit is 16 kB.',
  rate_limited:
    'RATE_LIMIT_PER_IP and RATE_LIMIT_PER_USER; one ip for all in the log means TRUST_PROXY is missing.',
  internal_error: 'A bug in the service: the log has an error with the same requestId.',
  dependency_unavailable:
    'The field reason in the log names the cause: the database, your backend (ACCESS_HTTP_URL) or the JWKS. doctor checks each.',
  key_unknown:
    'The identity provider signs with a key that is a few seconds old, or somebody sends JWTs with invented key ids (reason key_unknown).',
  credential_unavailable:
    'Client: the function of the app that gets the JWT failed; look at the backend of the app. This service was not asked.',
  network_error:
    'Client: this service did not answer: the network of the viewer, the proxy, or all replicas.',
  origin_not_allowed:
    'Client: CORS_ORIGINS lacks the origin of the page; the log names it in "origin is not in CORS_ORIGINS".',
  unexpected_reply:
    'Client: something else answered: a proxy, the sign-in page of a network, or a wrong address.',
  overloaded: 'The event loop is late: add replicas, or look at the load of the machine.',
};

/**
 * Prints the problem for a code and where to find its cause.
 *
 * @returns false if the code is unknown
 */
export function explainCode(code: string, { json, terminal }: Output): boolean {
  if (/^\d+$/.test(code)) return explainZegoCode(code, { json, terminal });
  if (!Object.hasOwn(WHERE_TO_LOOK, code)) {
    terminal.note(`There is no code ${code}. The codes: ${Object.keys(WHERE_TO_LOOK).join(', ')}.`);
    return false;
  }
  const look = WHERE_TO_LOOK[code as KnownCode];
  const problem = Object.hasOwn(PROBLEM_TYPES, code) ? PROBLEM_TYPES[code as ErrorCode] : undefined;
  if (json) terminal.print(printableJson({ code, ...problem, look }));
  else {
    const answer: [string, string][] = problem
      ? [
          ['status', `${problem.status} ${problem.title}`],
          ['action', problem.action],
          ['the client is told', problem.detail],
        ]
      : [];
    terminal.print(table(terminal, [['code', code], ...answer, ['where to look', look]]));
  }
  return true;
}

/** Prints what an error of ZEGO's SDKs means, or the page of ZEGO that says it. */
function explainZegoCode(code: string, { json, terminal }: Output): boolean {
  const known = Object.hasOwn(ZEGO_CODES, code) ? ZEGO_CODES[code] : undefined;
  if (!known) {
    const page = zegoPageOf(code);
    terminal.note(
      page
        ? `ZEGO's code ${code} is not explained here; see ${page}.`
        : `There is no code ${code} of this service, and none of ZEGO's looks like it.`,
    );
    return false;
  }
  const { sdk, means, look } = known;
  if (json) terminal.print(JSON.stringify({ code, sdk, means, look }));
  else {
    const rows: [string, string][] = [
      ['code', `${code} (ZEGO, ${sdk})`],
      ['means', means],
      ['where to look', look],
    ];
    terminal.print(table(terminal, rows));
  }
  return true;
}
