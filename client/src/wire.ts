// Made from openapi.yaml by `npm run client:types`.
export interface VideoTokenRequest {
  /**
   * The room that the user is logged in to. ZEGO accepts at most 127 ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\; with ZEGO_ID_RULE=off, at most 128 bytes of UTF-8, valid Unicode, no control characters.
   */
  roomId: string;
  /**
   * The copyrighted video to load: at most 128 bytes of UTF-8, valid Unicode, no control characters.
   */
  videoId: string;
  /**
   * The user of the credential: at most 64 bytes of UTF-8, valid Unicode, no control characters. Taken from there when left out.
   */
  userId?: string;
}

export interface VideoToken {
  /**
   * The ZEGO video token, for loadCopyrightedVideo.
   */
  token: string;
  /**
   * Unix seconds; equal to the expiry inside the token.
   */
  expireAt: number;
  /**
   * The id that the client must log in to ZEGO with, where it is not the one in the credential (AUTH_USER_ID=hash).
   */
  userId?: string;
}

export interface RoomTokenRequest {
  /**
   * The room to log in to. ZEGO accepts at most 127 ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\; with ZEGO_ID_RULE=off, at most 128 bytes of UTF-8, valid Unicode, no control characters.
   */
  roomId: string;
  /**
   * True for a token with which the user may send streams; false by default.
   */
  publish?: boolean;
  /**
   * The only streams that may be sent; any when left out. Needs publish. An empty list would mean any to ZEGO, and is refused.
   *
   * @minItems 1
   * @maxItems 100
   */
  streamIds?: [string, ...string[]];
  /**
   * The user of the credential: at most 64 bytes of UTF-8, valid Unicode, no control characters. Taken from there when left out.
   */
  userId?: string;
}

export interface RoomToken {
  /**
   * The ZEGO token for loginRoom.
   */
  token: string;
  /**
   * Unix seconds; equal to the expiry inside the token.
   */
  expireAt: number;
  /**
   * The id that the client must log in to ZEGO with.
   */
  userId: string;
  /**
   * The AppID that the token is for; the client's must be it.
   */
  appId: number;
}

export interface BasicTokenRequest {
  /**
   * The user of the credential: at most 64 bytes of UTF-8, valid Unicode, no control characters. Taken from there when left out.
   */
  userId?: string;
}

export interface BasicToken {
  /**
   * The ZEGO token for ZIM, UIKit and the like.
   */
  token: string;
  /**
   * Unix seconds; equal to the expiry inside the token.
   */
  expireAt: number;
  /**
   * The id that the client must log in to ZEGO with.
   */
  userId: string;
  /**
   * The AppID that the token is for; the client's must be it.
   */
  appId: number;
}

/**
 * A refusal (RFC 9457).
 */
export interface Problem {
  /**
   * urn:zego-video-token:problem:<code>
   */
  type: string;
  title: string;
  status: number;
  /**
   * A sentence for the developer who reads it.
   */
  detail: string;
  /**
   * What is wrong; programs branch on it.
   */
  code:
    | 'invalid_request'
    | 'credential_missing'
    | 'credential_invalid'
    | 'credential_expired'
    | 'subject_mismatch'
    | 'user_not_allowed'
    | 'room_not_allowed'
    | 'video_not_allowed'
    | 'video_not_started'
    | 'video_ended'
    | 'region_not_allowed'
    | 'publish_not_allowed'
    | 'not_found'
    | 'method_not_allowed'
    | 'request_timeout'
    | 'body_too_large'
    | 'unsupported_media_type'
    | 'headers_too_large'
    | 'rate_limited'
    | 'internal_error'
    | 'dependency_unavailable'
    | 'key_unknown'
    | 'overloaded';
  /**
   * What the client should do.
   */
  action:
    | 'fix_request'
    | 'sign_in'
    | 'contact_support'
    | 'leave_room'
    | 'choose_another_video'
    | 'enter_as_audience'
    | 'wait'
    | 'retry';
  /**
   * Also in the log of the service.
   */
  requestId: string;
  /**
   * With status 400: the rules that were broken.
   *
   * @maxItems 100
   */
  errors?: {
    path: string;
    message: string;
  }[];
  /**
   * With video_not_started: Unix seconds at which the window opens.
   */
  availableFrom?: number;
}
