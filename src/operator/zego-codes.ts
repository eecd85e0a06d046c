/** An error of ZEGO's SDKs in the words of this service. */
export type ZegoCode = { sdk: 'Express' | 'Web' | 'ZIM' | 'server'; means: string; look: string };

/** ZEGO's own pages, for the codes that are not here. */
const ZEGO_PAGES = {
  tokens: 'https://www.zegocloud.com/docs/faq/token-error-codes',
  web: 'https://www.zegocloud.com/docs/live-streaming-web/client-sdk/error-code',
  zim: 'https://www.zegocloud.com/docs/zim-android/sdk-error-codes/zim',
  server: 'https://www.zegocloud.com/docs/live-streaming-server/api-reference/return-codes',
} as const;

const INSPECT = 'Run inspect with the token that the client used.';
const ID =
  "ZEGO accepts ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\\ in ids; AUTH_USER_ID=hash makes user ids that it accepts.";
const SECOND_LOGIN =
  'Give each device a user id of its own; the second login with one id ends the first.';
const RENEW = 'Ask this service for a new token before it ends, and pass it to renewToken.';
const PROJECT = 'Compare ZEGO_APP_ID and ZEGO_SERVER_SECRET with the project in the ZEGO console.';

/** From ZEGO's pages on error codes and on tokens. */
export const ZEGO_CODES: Readonly<Record<string, ZegoCode>> = {
  1002005: {
    sdk: 'Express',
    means: 'The user id is empty.',
    look: 'The app logs in before it has a user id.',
  },
  1002006: { sdk: 'Express', means: 'The user id has characters that ZEGO refuses.', look: ID },
  1002007: { sdk: 'Express', means: 'The user id has 64 bytes or more.', look: ID },
  1002011: {
    sdk: 'Express',
    means: 'The room id is empty.',
    look: 'The app logs in before it has a room id.',
  },
  1002012: { sdk: 'Express', means: 'The room id has characters that ZEGO refuses.', look: ID },
  1002013: {
    sdk: 'Express',
    means: 'The room id has 128 bytes or more.',
    look: 'Use room ids of at most 127 bytes.',
  },
  1002033: {
    sdk: 'Express',
    means: 'The login to the room failed: ZEGO refuses the token.',
    look: `${INSPECT} ${PROJECT}`,
  },
  1002050: { sdk: 'Express', means: 'The same user id logged in elsewhere.', look: SECOND_LOGIN },
  1002055: {
    sdk: 'Express',
    means: 'A server sent the user out of the room.',
    look: 'Your backend called KickoutUser, or somebody did in the ZEGO console.',
  },
  1002056: {
    sdk: 'Express',
    means:
      'The user was sent out because the token expired; on the Web, because the same user id logged in elsewhere.',
    look: `${RENEW} On the Web: ${SECOND_LOGIN}`,
  },
  1002066: {
    sdk: 'Express',
    means: 'The user is on the block list of the project.',
    look: 'Your backend set a rule (SetForbidUserRule); it ends by itself or by DelForbidUserRule.',
  },
  1002067: {
    sdk: 'Express',
    means: 'There is no token in the login.',
    look: 'The app calls loginRoom without config.token.',
  },
  1002074: {
    sdk: 'Express',
    means: 'The verification of the token failed inside of ZEGO.',
    look: 'Try again; ask ZEGO if it lasts.',
  },
  1002075: {
    sdk: 'Express',
    means: 'The payload of the token is not the JSON that ZEGO reads.',
    look: INSPECT,
  },
  1002076: {
    sdk: 'Express',
    means: 'The AppID in the token is another one.',
    look: `${INSPECT} ${PROJECT}`,
  },
  1002077: {
    sdk: 'Express',
    means: 'The user id in the token is not the one of the login.',
    look: 'The app must log in with the user id that this service answers, or with that of its credential.',
  },
  1002078: {
    sdk: 'Express',
    means: 'The token has expired, or its times are wrong.',
    look: `${RENEW} ${INSPECT} It also shows times in milliseconds.`,
  },
  1002079: {
    sdk: 'Express',
    means: 'The version of the token is wrong: it is not a token04.',
    look: `${INSPECT} It names a JWT, an HMAC and other forms.`,
  },
  1002080: {
    sdk: 'Express',
    means: 'The nonce in the token is wrong.',
    look: `${INSPECT} The nonce must be an integer of 32 bits.`,
  },
  1002082: {
    sdk: 'Express',
    means: 'The token gives no right to publish.',
    look: 'Its privilege 2 is 0, or the stream is not in its list.',
  },
  1102016: { sdk: 'Web', means: 'The token cannot be read.', look: `${INSPECT} ${PROJECT}` },
  1102018: { sdk: 'Web', means: 'The token has expired.', look: RENEW },
  20014: {
    sdk: 'server',
    means: 'ZEGO cannot read the token; the Web SDK shows 1102016.',
    look: `${INSPECT} ${PROJECT}`,
  },
  50119: {
    sdk: 'server',
    means: 'ZEGO refuses the token; the Web SDK shows 1102016.',
    look: `${INSPECT} ${PROJECT}`,
  },
  6000003: { sdk: 'ZIM', means: 'The AppID is not known.', look: PROJECT },
  6000103: {
    sdk: 'ZIM',
    means: 'The token is not valid.',
    look: `${INSPECT} ZIM accepts basic tokens (inspect --for basic).`,
  },
  6000106: { sdk: 'ZIM', means: 'The token has expired.', look: RENEW },
  6000107: {
    sdk: 'ZIM',
    means: 'The version of the token is wrong: it is not a token04.',
    look: INSPECT,
  },
  6000108: {
    sdk: 'ZIM',
    means: 'The token lives for less than 30 s.',
    look: 'Ask for it just before the login; TOKEN_TTL_SECONDS, and the end of the credential, bound its life.',
  },
  6000111: { sdk: 'ZIM', means: 'This user is logged in already.', look: SECOND_LOGIN },
  6000121: {
    sdk: 'ZIM',
    means: 'The user is not logged in.',
    look: 'The app calls ZIM before its login has succeeded.',
  },
};

/** The page of ZEGO for a number that looks like one of its codes. */
export function zegoPageOf(code: string): string | undefined {
  if (/^6\d{6}$/.test(code)) return ZEGO_PAGES.zim;
  if (/^11\d{5}$/.test(code)) return ZEGO_PAGES.web;
  if (/^(10[45]|20[67]|5\d{3,4}|1000000\d\d)$/.test(code)) return ZEGO_PAGES.server;
  return /^(10\d{5}|2\d{4})$/.test(code) ? ZEGO_PAGES.tokens : undefined;
}
