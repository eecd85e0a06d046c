import type { Table } from './words.ts';

const OUR_MISTAKE = 'This is a mistake in the app, not yours. Please tell us the reference below.';

export const en: Table = {
  page: {
    name: 'Watch together',
    about: 'An example of an app with licensed films. The service behind it is real.',
    who: 'Who are you?',
    room: 'Room',
    film: 'Film',
    nobody: 'Nobody',
    signedOut: 'signed out',
    refusals: 'Every refusal, in words for people',
    otherLanguage: '中文',
    player: 'Player',
    life: 'Remaining life of the token',
    news: 'What happened',
  },
  status: { suspended: 'suspended', closed: 'closed', withdrawn: 'Withdrawn' },
  licence: {
    now: 'Now showing',
    from: (day) => `From ${day}`,
    until: (day) => `Until ${day}`,
    only: (countries) => `Only ${countries.join(' and ')}`,
  },
  states: {
    playing: 'Now playing',
    asking: 'One moment…',
    offline: {
      title: 'You are offline',
      text: 'The film goes on as soon as your device is connected again.',
    },
    noAnswer: {
      title: 'This takes longer than usual',
      text: 'Our service has not answered yet. We keep trying, and the film starts by itself.',
    },
    failed: {
      title: 'The film could not be loaded',
      text: 'We tried twice. Try again, or choose another film.',
    },
  },
  startsAt: (text, time) => `${text} ${time}.`,
  reference: (id) => `Reference ${id}`,
  buttons: {
    sign_in: 'Sign in',
    choose_another_video: 'Choose another film',
    leave_room: 'Choose another room',
    enter_as_audience: 'Watch without sending',
    contact_support: 'Copy the reference for support',
    fix_request: 'Copy the reference',
  },
  tryAgain: 'Try again',
  copied: 'Copied',
  notCopied: 'Please copy it by hand',
  token: {
    none: 'No token',
    whenAsked: 'One is asked for when a film is loaded.',
    left: (seconds) => `${seconds} s left`,
    expired: 'The token has expired',
    loaded: (token) => `${token}… loaded the film, which plays on without it.`,
  },
  news: {
    entered: (room, user) => `Logged in to ${room} as ${user}`,
    received: 'Token received, film loaded',
    refused: (code) => `No token: ${code ?? 'no answer yet'}`,
    offline: 'Offline',
    failed: 'Film not loaded: the player reports an error',
  },
  codes: {
    credential_missing: {
      title: 'Please sign in',
      text: 'Films are for people with an account. It takes a moment, and we bring you back here.',
    },
    credential_invalid: {
      title: 'Please sign in again',
      text: 'Our service did not accept your sign-in. If it happens again, tell us the reference below.',
    },
    credential_expired: {
      title: 'Your session has expired',
      text: 'For your safety we signed you out. Sign in again and the film starts.',
    },
    subject_mismatch: {
      title: 'Two accounts got mixed up',
      text: 'The app asked in the name of another account. Please tell us the reference below.',
    },
    user_not_allowed: {
      title: 'Your account cannot watch films',
      text: 'It may be suspended. Our support can tell you more.',
    },
    room_not_allowed: {
      title: 'You are not in this room',
      text: 'It has been closed, or you need an invitation from a member.',
    },
    publish_not_allowed: {
      title: 'You can watch here, and not broadcast',
      text: 'Only hosts of this room send sound and pictures. The film plays all the same.',
    },
    video_not_allowed: {
      title: 'This film is not showing here',
      text: 'It is not on the programme of this room. The others are.',
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
      text: 'We may not show this film where you are. Please choose another one.',
    },
    rate_limited: {
      title: 'Too many requests',
      text: 'Your account or network asked too often. We ask again by ourselves in a moment.',
    },
    dependency_unavailable: {
      title: 'We cannot check your access',
      text: 'A part of our service is down. We keep trying.',
    },
    key_unknown: {
      title: 'One moment longer',
      text: 'We are checking your sign-in. We keep trying, and the film starts by itself.',
    },
    overloaded: {
      title: 'We are very busy right now',
      text: 'Very many people want to watch. We keep trying, and the film starts by itself.',
    },
    internal_error: {
      title: 'Something went wrong on our side',
      text: 'We keep trying. If it stays like this, tell us the reference below.',
    },
    network_error: {
      title: 'We cannot be reached',
      text: 'Either our service is down, or the network on the way to it. We keep trying.',
    },
    unexpected_reply: {
      title: 'Another page answered',
      text: 'In a hotel or a train, open the sign-in page of its network first.',
    },
    request_timeout: {
      title: 'Your connection is very slow',
      text: 'Your request did not arrive in time. A better signal may help.',
    },
    invalid_request: { title: 'The app sent a wrong request', text: OUR_MISTAKE },
    not_found: { title: 'The app used a wrong address', text: OUR_MISTAKE },
    method_not_allowed: { title: 'The app used a wrong method', text: OUR_MISTAKE },
    body_too_large: { title: 'The app sent too much data', text: OUR_MISTAKE },
    headers_too_large: { title: 'The app sent too many headers', text: OUR_MISTAKE },
    unsupported_media_type: { title: 'The app sent an unknown format', text: OUR_MISTAKE },
    credential_unavailable: {
      title: 'We cannot check your sign-in',
      text: 'The server of this app does not answer as it should. We keep trying.',
    },
    origin_not_allowed: {
      title: 'This page gets no answer',
      text: 'The service does not know the address of this page (CORS_ORIGINS), or is down behind its proxy. We keep trying.',
    },
  },
};
