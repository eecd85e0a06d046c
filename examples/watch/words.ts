import type { VideoTokenAction, VideoTokenCode } from '../../client/src/index.ts';

/** What a person reads when there is no film. */
export type Words = { title: string; text: string };

const OUR_MISTAKE = 'This is a mistake in the app, not yours. Please tell us the reference below.';

/** A refusal in words for people: what is the matter, and what they can do. */
export const WORDS: Record<VideoTokenCode, Words> = {
  credential_missing: {
    title: 'Please sign in',
    text: 'Films are for people with an account. It takes a moment, and we bring you back here.',
  },
  credential_invalid: {
    title: 'Please sign in again',
    text: 'We could not recognise your sign-in on this device.',
  },
  credential_expired: {
    title: 'You have been away for a while',
    text: 'For your safety we signed you out. Sign in again and the film goes on.',
  },
  subject_mismatch: {
    title: 'Two accounts got mixed up',
    text: 'The app asked in the name of somebody else. Please tell us the reference below.',
  },
  user_not_allowed: {
    title: 'Your account cannot watch films',
    text: 'It may be paused. Our support will find out with you.',
  },
  room_not_allowed: {
    title: 'You are not in this room',
    text: 'It has been closed, or you need an invitation from somebody inside.',
  },
  video_not_allowed: {
    title: 'This film is not showing here',
    text: 'It has been taken off the programme of this room. The others are still on.',
  },
  video_not_started: {
    title: 'The premiere is still to come',
    text: 'Stay here and it starts by itself:',
  },
  video_ended: {
    title: 'This film has left the programme',
    text: 'Its time with us is over. Something else for tonight?',
  },
  region_not_allowed: {
    title: 'Not available in your country',
    text: 'We may not show this film where you are. The others are waiting.',
  },
  rate_limited: {
    title: 'A little too fast',
    text: 'Give it a moment. We go on by ourselves.',
  },
  dependency_unavailable: {
    title: 'We cannot check your ticket',
    text: 'Something is down at our end. We keep trying.',
  },
  overloaded: {
    title: 'The house is full',
    text: 'Very many people are coming in right now. We keep your place in the queue.',
  },
  internal_error: {
    title: 'Something broke at our end',
    text: 'We keep trying. If it stays like this, tell us the reference below.',
  },
  network_error: {
    title: 'No connection',
    text: 'We cannot reach the cinema. The film starts as soon as you are back online.',
  },
  unexpected_reply: {
    title: 'Something is in between',
    text: 'Another page answers in our place. In a hotel or a train, open its sign-in page first.',
  },
  request_timeout: {
    title: 'The connection is very slow',
    text: 'Your request did not reach us in time. Move closer to the router and try again.',
  },
  invalid_request: { title: 'The app asked for something odd', text: OUR_MISTAKE },
  not_found: { title: 'The app knocked at the wrong door', text: OUR_MISTAKE },
  method_not_allowed: { title: 'The app knocked in the wrong way', text: OUR_MISTAKE },
  body_too_large: { title: 'The app said too much', text: OUR_MISTAKE },
  headers_too_large: { title: 'The app sent too much along', text: OUR_MISTAKE },
  unsupported_media_type: { title: 'The app spoke another language', text: OUR_MISTAKE },
};

/** The button for what a person can do; there is none where the app goes on by itself. */
export const BUTTONS: Partial<Record<VideoTokenAction, string>> = {
  sign_in: 'Sign in',
  choose_another_video: 'Choose another film',
  leave_room: 'Choose another room',
  contact_support: 'Copy the reference for support',
  fix_request: 'Copy the reference',
};
