import type { Language } from './words.ts';

/** What a support person and a viewer need to know of a rule. */
export type Reason = {
  holds: string;
  fails: string;
  /** What the support person does. */
  help: string;
  /** What the viewer is told. */
  viewer: string;
};

/** A change that a support person may decide. */
export type Remedy = 'reinstate' | 'openRoom' | 'makeMember';

/** By the names of the rules, as explain answers them. */
export const REMEDIES: Partial<Record<string, Remedy>> = {
  'user is active': 'reinstate',
  'room is open': 'openRoom',
  'user is a member': 'makeMember',
};

const en = {
  'user exists': {
    holds: 'The service knows this person.',
    fails: 'The service does not know this person.',
    help: 'Check the id: ask for the account with which the viewer signed in, and search by name. If the account is new, the app has not told this service of it yet; ask the backend team.',
    viewer: 'We cannot find your account yet. We are looking into it.',
  },
  'user is active': {
    holds: 'The account is active.',
    fails: 'The account is suspended.',
    help: 'See in the changes who suspended it and when. Reinstate it if the reason is gone.',
    viewer: 'Your account is suspended at the moment. We are checking why.',
  },
  'room exists': {
    holds: 'The service knows this room.',
    fails: 'The service does not know this room.',
    help: 'Check the id of the room. If the room is new, the app has not told this service of it yet; ask the backend team.',
    viewer: 'This room does not exist any more. Please open the room again from the invitation.',
  },
  'room is open': {
    holds: 'The room is open.',
    fails: 'The room is closed.',
    help: 'Open it if the evening goes on.',
    viewer: 'This room is closed at the moment.',
  },
  'user is a member': {
    holds: 'The person is a member of the room.',
    fails: 'The person is not a member of the room.',
    help: 'Make the person a member, if the person was invited.',
    viewer: 'You are not in the list of this room at the moment. We are looking into it.',
  },
  'video exists': {
    holds: 'The service knows this film.',
    fails: 'The service does not know this film.',
    help: 'Check the id of the film. It has to be imported by the content team.',
    viewer: 'This film is not here yet. Please choose another one.',
  },
  'video is available': {
    holds: 'The film is available.',
    fails: 'The film is withdrawn.',
    help: 'It was withdrawn on purpose; see in the changes by whom. Only the content team brings it back.',
    viewer: 'This film has been withdrawn. Please choose another one.',
  },
  'video is in the room': {
    holds: 'The room shows this film.',
    fails: 'The room does not show this film.',
    help: 'Check that the viewer is in the right room. The content team decides which films a room shows.',
    viewer: 'This room does not show this film. Please choose another one.',
  },
  'licence covers the country': {
    holds: 'A licence covers the country.',
    fails: 'No licence covers the country where the viewer is, or the country is not known.',
    help: 'A licence is not support’s to give. If the country is wrong, the viewer may use a VPN.',
    viewer:
      'This film may not be shown in your country. A VPN can be the reason: switch it off and try again.',
  },
  'licence has begun': {
    holds: 'The licence has begun.',
    fails: 'The licence has not begun yet.',
    help: 'Nothing; the time below says when it begins.',
    viewer: 'This film starts later. Please come back at that time.',
  },
  'licence has not ended': {
    holds: 'The licence has not ended.',
    fails: 'The licence has ended.',
    help: 'A licence is not support’s to give; the content team knows whether it is renewed.',
    viewer: 'This film is no longer available. Please choose another one.',
  },
} satisfies Record<string, Reason>;

type RuleName = keyof typeof en;

const zh: Record<RuleName, Reason> = {
  'user exists': {
    holds: '服务中有这名用户。',
    fails: '服务中没有这名用户。',
    help: '请核对 ID：询问用户登录所用的账号，并按姓名查找。如果是新账号，可能应用尚未通知本服务，请联系后端团队。',
    viewer: '我们暂时找不到你的账号，正在核实。',
  },
  'user is active': {
    holds: '账号正常。',
    fails: '账号已停用。',
    help: '在变更记录中查看由谁、在何时停用。如果原因已消除，请恢复账号。',
    viewer: '你的账号目前已停用，我们正在核实原因。',
  },
  'room exists': {
    holds: '服务中有这个房间。',
    fails: '服务中没有这个房间。',
    help: '请核对房间 ID。如果是新房间，可能应用尚未通知本服务，请联系后端团队。',
    viewer: '这个房间已不存在，请从邀请中重新打开房间。',
  },
  'room is open': {
    holds: '房间已开放。',
    fails: '房间已关闭。',
    help: '如果活动仍在进行，请开放房间。',
    viewer: '这个房间目前已关闭。',
  },
  'user is a member': {
    holds: '该用户是房间成员。',
    fails: '该用户不是房间成员。',
    help: '如果该用户受到邀请，请将其加为成员。',
    viewer: '你目前不在这个房间的名单中，我们正在核实。',
  },
  'video exists': {
    holds: '服务中有这部影片。',
    fails: '服务中没有这部影片。',
    help: '请核对影片 ID。影片需要由内容团队导入。',
    viewer: '这部影片尚未上线，请选择其他影片。',
  },
  'video is available': {
    holds: '影片可用。',
    fails: '影片已下架。',
    help: '影片是有意下架的，操作者见变更记录。只有内容团队可以重新上架。',
    viewer: '这部影片已下架，请选择其他影片。',
  },
  'video is in the room': {
    holds: '该房间播放这部影片。',
    fails: '该房间不播放这部影片。',
    help: '请确认用户在正确的房间中。房间播放哪些影片由内容团队决定。',
    viewer: '这个房间不播放这部影片，请选择其他影片。',
  },
  'licence covers the country': {
    holds: '授权包含该国家或地区。',
    fails: '授权不包含用户所在的国家或地区，或者所在地未知。',
    help: '客服不能授予授权。如果国家或地区不对，用户可能在使用 VPN。',
    viewer: '这部影片不能在你所在的国家或地区播放。可能是 VPN 的原因：请关闭后再试。',
  },
  'licence has begun': {
    holds: '授权已开始。',
    fails: '授权尚未开始。',
    help: '无需处理，开始时间见下方。',
    viewer: '这部影片稍后开始，请届时再来。',
  },
  'licence has not ended': {
    holds: '授权尚未结束。',
    fails: '授权已结束。',
    help: '客服不能授予授权；是否续期请询问内容团队。',
    viewer: '这部影片已不再提供，请选择其他影片。',
  },
};

/** The sentences of each rule; a test compares the names with the rules. */
export const REASONS: Record<Language, Record<string, Reason>> = { en, zh };

/** Codes of decisions whose reason is no rule of the directory. */
const CODES_EN = {
  issued: 'A token was made.',
  aborted: 'The app left before it was answered: a bad network, or the app was closed.',
  invalid_request:
    'The app sent a request that this service does not understand; tell the app team.',
  credential_missing: 'The app sent no sign-in; the viewer has to sign in again.',
  credential_invalid:
    'The sign-in of the viewer could not be verified; if everybody has it, tell the operators.',
  credential_expired: 'The sign-in of the viewer has expired; the viewer has to sign in again.',
  subject_mismatch:
    'The app asked for another person than the one who signed in; tell the app team.',
  user_not_allowed: 'The person may not watch: unknown or suspended.',
  room_not_allowed: 'The room is closed or unknown, or the person is not a member.',
  video_not_allowed: 'The film is withdrawn, unknown, or not in this room.',
  video_not_started: 'The licence has not begun yet.',
  video_ended: 'The licence has ended.',
  region_not_allowed: 'No licence covers the country.',
  publish_not_allowed: 'The person may enter the room, but not send a stream.',
  rate_limited: 'Too many requests in a minute; the app tries again by itself.',
  dependency_unavailable: 'The directory or the backend did not answer; tell the operators.',
  key_unknown: 'The key of the sign-in was not known yet; the app tries again by itself.',
  overloaded: 'The service was too busy; the app tries again by itself.',
  internal_error: 'A fault of this service; tell the operators the reference number.',
};

const CODES_ZH: Record<keyof typeof CODES_EN, string> = {
  issued: '已签发 Token。',
  aborted: '应用在收到响应前断开：网络不佳，或应用已关闭。',
  invalid_request: '应用发送的请求无法识别，请告知应用团队。',
  credential_missing: '应用没有发送登录信息，用户需要重新登录。',
  credential_invalid: '无法验证用户的登录信息；如果所有用户都出现，请告知运维人员。',
  credential_expired: '用户的登录已过期，需要重新登录。',
  subject_mismatch: '应用请求的用户与登录用户不同，请告知应用团队。',
  user_not_allowed: '该用户不能观看：不存在或已停用。',
  room_not_allowed: '房间已关闭或不存在，或该用户不是成员。',
  video_not_allowed: '影片已下架、不存在，或不在该房间中。',
  video_not_started: '授权尚未开始。',
  video_ended: '授权已结束。',
  region_not_allowed: '授权不包含该国家或地区。',
  publish_not_allowed: '该用户可以登录房间，但不能推流。',
  rate_limited: '一分钟内请求过多，应用会自动重试。',
  dependency_unavailable: '目录或后端没有响应，请告知运维人员。',
  key_unknown: '登录密钥暂时未知，应用会自动重试。',
  overloaded: '服务繁忙，应用会自动重试。',
  internal_error: '本服务出现故障，请将参考编号告知运维人员。',
};

/** A sentence for each code of a decision. */
export const CODES: Record<Language, Record<string, string>> = { en: CODES_EN, zh: CODES_ZH };
