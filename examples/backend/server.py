# The backend's side of ACCESS_MODE=http (openapi.backend.yaml): decides, for zego-video-token, who may load which video,
# and who may enter which room. server.mjs does the same. Needs Python 3.8 and no packages.
#   ACCESS_HTTP_SECRET=… PORT=9000 python3 server.py
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("ACCESS_HTTP_SECRET", "")
if len(SECRET) < 32:
    raise SystemExit("ACCESS_HTTP_SECRET must have at least 32 characters")

# Replace these by a look into your own database.
USERS = {"User_123": {"suspended": False}}
ROOMS = {"room_123": {"members": ["User_123"], "hosts": ["User_123"], "videos": ["249850980283048"]}}
LICENCES = {"249850980283048": {"until": 4102444800, "countries": None}}


def deny(code):
    return {"allow": False, "code": code}


def decide(question):
    kind = question.get("kind", "video")
    # What is not understood is never allowed.
    if kind not in ("video", "room", "basic"):
        raise ValueError(kind)
    user_id = question["userId"]
    user = USERS.get(user_id)
    if user is None or user["suspended"]:
        return deny("user_not_allowed")
    if kind == "basic":
        return {"allow": True, "kind": kind}
    room = ROOMS.get(question["roomId"])
    if room is None or user_id not in room["members"]:
        return deny("room_not_allowed")
    if kind == "room":
        if question["publish"] and user_id not in room["hosts"]:
            return deny("publish_not_allowed")
        return {"allow": True, "kind": kind}
    licence = LICENCES.get(question["videoId"])
    if licence is None or question["videoId"] not in room["videos"]:
        return deny("video_not_allowed")
    if time.time() >= licence["until"]:
        return deny("video_ended")
    if licence["countries"] is not None and question["country"] not in licence["countries"]:
        return deny("region_not_allowed")
    return {"allow": True, "notAfter": licence["until"]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this a reply waits for the acknowledgement of its own headers.
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        presented = self.headers.get("Authorization", "").encode("latin-1")
        if not hmac.compare_digest(presented, f"Bearer {SECRET}".encode()):
            return self.answer(401, {})
        try:
            question = json.loads(body)
            answer = decide(question)
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.answer(400, {})
        print(question["requestId"], json.dumps(answer), flush=True)
        self.answer(200, answer)

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


port = int(os.environ.get("PORT", "9000"))
print(f"deciding on http://127.0.0.1:{port}", flush=True)
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
