import { createSigner, type Signer } from '../../bench/requests.ts';

const NOW = Math.floor(Date.now() / 1000);
export const LATER = NOW + 600;
const PER_IP = 3;
const PER_USER = 60;
const HS256 = createSigner('HS256');
export const RS256 = createSigner('RS256');
const CLAIMS = { iss: 'https://login.example', aud: 'video', sub: 'alice' };
export const BODY = { roomId: 'room', videoId: 'film' };

/** Films whose licences the sample, of a clock that stands still, does not have. */
export const FILMS = [
  { type: 'video', id: 'ends', availableUntil: LATER },
  { type: 'video', id: 'ends_now', availableUntil: NOW + 5 },
  {
    type: 'video',
    id: 'two',
    licences: [
      { until: NOW + 900, regions: ['SG'] },
      { from: NOW + 5000, regions: ['MY'] },
    ],
  },
  { type: 'room', id: 'more', videoIds: ['ends', 'ends_now', 'two'], memberIds: ['alice'] },
];

/** What both servers are told beside their keys. */
export const ENVIRONMENT = {
  AUTH_ISSUER: CLAIMS.iss,
  AUTH_AUDIENCE: CLAIMS.aud,
  TRUST_PROXY: '127.0.0.1',
  COUNTRY_HEADER: 'CF-IPCountry',
  RATE_LIMIT_PER_IP: `${PER_IP}`,
  RATE_LIMIT_PER_USER: `${PER_USER}`,
};

/** In place of a header that is not sent. */
export const NONE = '';

/** A request, of alice for the sample's film where it says nothing else, and the code of its answer. */
export type Case = {
  name: string;
  code: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** Text is sent as it is. */
  body?: unknown;
  /** How often it is sent before, from one address or from several. */
  before?: { times: number; addresses: 'one' | 'several' };
};

export const bearer = (claims: object = {}, header?: object, signer: Signer = HS256) => ({
  authorization: `Bearer ${signer.sign({ ...CLAIMS, ...claims }, header)}`,
});
const film = (videoId: string, roomId = 'more') => ({ roomId, videoId });

/** Forged: the end of the signature is another. */
const wrongSignature = bearer().authorization.replace(/.{10}$/, 'AAAAAAAAAA');

export const CASES: readonly Case[] = [
  { name: 'a film', code: 'issued' },
  {
    name: 'a film, as the user of the credential',
    code: 'issued',
    body: { ...BODY, userId: 'alice' },
  },
  { name: 'an unknown field', code: 'issued', body: { ...BODY, quality: 'high' } },
  {
    name: 'a charset',
    code: 'issued',
    headers: { 'content-type': 'application/json; charset=UTF-8' },
  },
  { name: 'a licence that ends', code: 'issued', body: film('ends') },
  {
    name: 'a licence of the country',
    code: 'issued',
    body: film('two'),
    headers: { 'cf-ipcountry': 'SG' },
  },
  { name: 'no credential', code: 'credential_missing', headers: { authorization: NONE } },
  { name: 'another scheme', code: 'credential_invalid', headers: { authorization: 'Basic YTpi' } },
  { name: 'no JWT', code: 'credential_invalid', headers: { authorization: 'Bearer abc' } },
  {
    name: 'a wrong signature',
    code: 'credential_invalid',
    headers: { authorization: wrongSignature },
  },
  { name: 'alg none', code: 'credential_invalid', headers: bearer({}, { alg: 'none' }) },
  { name: 'crit', code: 'credential_invalid', headers: bearer({}, { crit: ['b64'] }) },
  { name: 'an expired JWT', code: 'credential_expired', headers: bearer({ exp: NOW - 1 }) },
  {
    name: 'a JWT that is about to expire',
    code: 'credential_expired',
    headers: bearer({ exp: NOW + 8 }),
  },
  { name: 'a JWT of later', code: 'credential_invalid', headers: bearer({ nbf: NOW + 5000 }) },
  {
    name: 'another audience',
    code: 'credential_invalid',
    headers: bearer({ aud: ['shop', 'chat'] }),
  },
  {
    name: 'another issuer',
    code: 'credential_invalid',
    headers: bearer({ iss: 'https://other.example' }),
  },
  {
    name: 'a refresh token',
    code: 'credential_invalid',
    headers: bearer({ token_use: 'refresh' }),
  },
  { name: 'a bound token', code: 'credential_invalid', headers: bearer({ cnf: { jkt: 'x' } }) },
  { name: 'a subject that is a number', code: 'credential_invalid', headers: bearer({ sub: 7 }) },
  {
    name: 'a subject that ZEGO refuses',
    code: 'user_not_allowed',
    headers: bearer({ sub: 'auth0|7' }),
  },
  { name: 'an unknown user', code: 'user_not_allowed', headers: bearer({ sub: 'nobody' }) },
  { name: 'a suspended user', code: 'user_not_allowed', headers: bearer({ sub: 'sam' }) },
  { name: 'another user in the body', code: 'subject_mismatch', body: { ...BODY, userId: 'bob' } },
  { name: 'a closed room', code: 'room_not_allowed', body: film('film', 'room_closed') },
  { name: 'a room of others', code: 'room_not_allowed', body: film('film', 'room_foreign') },
  { name: 'an unknown room', code: 'room_not_allowed', body: film('film', 'nowhere') },
  { name: 'a film of another room', code: 'video_not_allowed', body: film('elsewhere', 'room') },
  { name: 'a film that was withdrawn', code: 'video_not_allowed', body: film('withdrawn', 'room') },
  { name: 'a film of later', code: 'video_not_started', body: film('film_later', 'room') },
  {
    name: 'a film of later in the country',
    code: 'video_not_started',
    body: film('two'),
    headers: { 'cf-ipcountry': 'MY' },
  },
  { name: 'a film that has ended', code: 'video_ended', body: film('film_over', 'room') },
  { name: 'a film that ends now', code: 'video_ended', body: film('ends_now') },
  { name: 'an unknown country', code: 'region_not_allowed', body: film('film_sg', 'room') },
  {
    name: 'another country',
    code: 'region_not_allowed',
    body: film('film_sg', 'room'),
    headers: { 'cf-ipcountry': 'DE' },
  },
  {
    name: 'another content type',
    code: 'unsupported_media_type',
    headers: { 'content-type': 'text/plain' },
  },
  {
    name: 'a compressed body',
    code: 'unsupported_media_type',
    headers: { 'content-encoding': 'gzip' },
  },
  { name: 'no JSON', code: 'invalid_request', body: '{"roomId":' },
  { name: 'an empty body', code: 'invalid_request', body: '' },
  { name: 'a list', code: 'invalid_request', body: [] },
  { name: 'a field that is missing', code: 'invalid_request', body: { roomId: 'room' } },
  { name: 'a near-miss field', code: 'invalid_request', body: { ...BODY, user_ID: 'bob' } },
  { name: 'an id with a control character', code: 'invalid_request', body: film('a\u0001') },
  { name: 'half a character', code: 'invalid_request', body: film('a\ud800') },
  { name: 'a room id that ZEGO refuses', code: 'invalid_request', body: film('film', '客厅') },
  { name: 'an id that is too long', code: 'invalid_request', body: film('é'.repeat(65)) },
  { name: 'a body that is too large', code: 'body_too_large', body: film('x'.repeat(17_000)) },
  { name: 'another method', code: 'method_not_allowed', method: 'PUT' },
  { name: 'an unknown path', code: 'not_found', path: '/tokens' },
  {
    name: 'too many requests of an address',
    code: 'rate_limited',
    before: { times: PER_IP, addresses: 'one' },
  },
  {
    name: 'too many requests of a user',
    code: 'rate_limited',
    headers: bearer({ sub: 'carol' }),
    before: { times: PER_USER, addresses: 'several' },
  },
];
