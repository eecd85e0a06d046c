import type { Table } from './words.ts';

const OUR_MISTAKE = '这是应用的问题，与你无关。请把下方的编号告诉我们。';

export const zh: Table = {
  page: {
    name: '一起看',
    about: '一个播放版权影片的示例应用，背后的服务是真实的。',
    who: '你是谁？',
    room: '房间',
    film: '影片',
    nobody: '访客',
    signedOut: '未登录',
    refusals: '每种拒绝对应的用户文案',
    otherLanguage: 'English',
    player: '播放器',
    life: 'Token 剩余有效期',
    news: '事件记录',
  },
  status: { suspended: '已停用', closed: '已关闭', withdrawn: '已下架' },
  licence: {
    now: '正在上映',
    from: (day) => `${day} 上映`,
    until: (day) => `${day} 下映`,
    only: (countries) => `仅限${countries.join('、')}`,
  },
  states: {
    playing: '正在播放',
    asking: '请稍候…',
    offline: { title: '网络已断开', text: '恢复连接后，影片会自动继续。' },
    noAnswer: {
      title: '等待时间比平时长',
      text: '服务还没有响应。我们会一直重试，影片会自动开始。',
    },
    failed: { title: '影片加载失败', text: '已经尝试了两次。请重试，或换一部影片。' },
  },
  startsAt: (text, time) => `${text}${time}。`,
  reference: (id) => `参考编号 ${id}`,
  buttons: {
    sign_in: '登录',
    choose_another_video: '换一部影片',
    leave_room: '换一个房间',
    enter_as_audience: '以观众身份观看',
    contact_support: '复制编号，联系客服',
    fix_request: '复制编号',
  },
  tryAgain: '重试',
  copied: '已复制',
  notCopied: '请手动复制',
  token: {
    none: '没有 Token',
    whenAsked: '加载影片时才会请求 Token。',
    left: (seconds) => `剩余 ${seconds} 秒`,
    expired: 'Token 已过期',
    loaded: (token) => `影片由 ${token}… 加载，之后的播放不再需要它。`,
  },
  news: {
    entered: (room, user) => `已以 ${user} 登录房间 ${room}`,
    received: '已获得 Token，影片已加载',
    refused: (code) => `没有 Token：${code ?? '尚无响应'}`,
    offline: '网络已断开',
    failed: '影片未加载：播放器报错',
  },
  codes: {
    credential_missing: { title: '请先登录', text: '登录后才能观看影片，登录完成后会回到这里。' },
    credential_invalid: {
      title: '请重新登录',
      text: '服务没有接受你的登录信息。如果再次出现，请把下方的编号告诉我们。',
    },
    credential_expired: {
      title: '登录已过期',
      text: '登录已过期，重新登录后影片即可开始。',
    },
    subject_mismatch: {
      title: '账号不一致',
      text: '应用以另一个账号的名义发出了请求。请把下方的编号告诉我们。',
    },
    user_not_allowed: { title: '你的账号不能观看影片', text: '账号可能已被停用，详情请咨询客服。' },
    room_not_allowed: { title: '你不在这个房间里', text: '房间已关闭，或者你还不是成员。' },
    publish_not_allowed: {
      title: '你可以观看，但不能推流',
      text: '这个房间只有主持人可以推流，观看不受影响。',
    },
    video_not_allowed: {
      title: '这个房间没有这部影片',
      text: '它不在这个房间的片单里，其他影片可以观看。',
    },
    video_not_started: { title: '影片尚未上映', text: '留在这里，影片会自动开始：' },
    video_ended: { title: '影片授权已到期', text: '它已不在片单里，换一部看看？' },
    region_not_allowed: {
      title: '你所在的国家或地区无法观看',
      text: '这部影片在你所在的地方没有授权，请换一部。',
    },
    rate_limited: { title: '请求过于频繁', text: '你的账号或网络请求过多，稍后会自动重试。' },
    dependency_unavailable: {
      title: '暂时无法确认你的权限',
      text: '我们的一部分服务出现故障，会一直重试。',
    },
    key_unknown: {
      title: '请再等一下',
      text: '正在验证你的登录信息。我们会一直重试，影片会自动开始。',
    },
    overloaded: { title: '现在观看的人太多', text: '我们会一直重试，影片会自动开始。' },
    internal_error: {
      title: '我们的服务出错了',
      text: '我们会一直重试。如果仍然如此，请把下方的编号告诉我们。',
    },
    network_error: { title: '无法连接服务', text: '服务出现故障，或网络不通。我们会一直重试。' },
    unexpected_reply: {
      title: '收到的不是服务的响应',
      text: '如果你在酒店或火车上，请先打开当地网络的登录页面。',
    },
    request_timeout: { title: '你的网络很慢', text: '请求没有及时送达，换个信号好的地方试试。' },
    invalid_request: { title: '应用的请求有误', text: OUR_MISTAKE },
    not_found: { title: '应用请求的地址有误', text: OUR_MISTAKE },
    method_not_allowed: { title: '应用使用的方法有误', text: OUR_MISTAKE },
    body_too_large: { title: '应用发送的数据过大', text: OUR_MISTAKE },
    headers_too_large: { title: '应用发送的请求头过多', text: OUR_MISTAKE },
    unsupported_media_type: { title: '应用发送的格式不受支持', text: OUR_MISTAKE },
    credential_unavailable: {
      title: '无法确认你的登录状态',
      text: '应用的服务器没有正常响应，我们会一直重试。',
    },
    origin_not_allowed: {
      title: '这个页面得不到响应',
      text: '服务不认识这个页面的地址（CORS_ORIGINS），或者代理后面的服务已停止。我们会一直重试。',
    },
  },
};
