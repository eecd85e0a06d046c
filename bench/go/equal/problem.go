package main

import (
	"net/http"
	"strconv"
)

// refusal is why a request has no token.
type refusal struct {
	code                       string
	reason, expected, received string // For the log alone.
	errors                     []fieldError
	availableFrom, retryAfter  int64
}

type fieldError struct{ path, message string }

func invalid(path, message string) *refusal {
	return &refusal{code: "invalid_request", errors: []fieldError{{path, message}}}
}

type problemType struct {
	status                int
	title, detail, action string
}

// problems are those of src/http/problems/table.ts that the peer has.
var problems = map[string]problemType{
	"invalid_request":        {400, "Invalid request", "The request breaks a rule of this API; see errors.", "fix_request"},
	"credential_missing":     {401, "Credential missing", "Send your sign-in token in the header Authorization: Bearer <JWT>.", "sign_in"},
	"credential_invalid":     {401, "Credential invalid", "The sign-in token cannot be verified; sign in again. The log says why, by requestId.", "sign_in"},
	"credential_expired":     {401, "Credential expired", "The sign-in token has expired or is about to; sign in again.", "sign_in"},
	"subject_mismatch":       {403, "Subject mismatch", "userId is not the user who signed in; leave it out or send your own.", "fix_request"},
	"user_not_allowed":       {403, "User not allowed", "This account may not watch films here; contact support.", "contact_support"},
	"room_not_allowed":       {403, "Room not allowed", "There is no open room of this id that you are a member of.", "leave_room"},
	"video_not_allowed":      {403, "Video not allowed", "This video is not available in this room.", "choose_another_video"},
	"video_not_started":      {403, "Video not started", "This video may be watched from availableFrom on.", "wait"},
	"video_ended":            {403, "Video ended", "The time in which this video may be watched is over.", "choose_another_video"},
	"region_not_allowed":     {403, "Region not allowed", "This video may not be watched in your country.", "choose_another_video"},
	"not_found":              {404, "Not found", "There is nothing at this address; tokens are at POST /video-token.", "fix_request"},
	"method_not_allowed":     {405, "Method not allowed", "This address knows other methods; see the header Allow.", "fix_request"},
	"body_too_large":         {413, "Body too large", "The body is longer than this route accepts: 16 kB for a request for a token.", "fix_request"},
	"unsupported_media_type": {415, "Unsupported media type", "Send JSON in UTF-8, uncompressed, with Content-Type: application/json.", "fix_request"},
	"rate_limited":           {429, "Rate limited", "Too many requests; wait for the seconds in Retry-After.", "retry"},
	"headers_too_large":      {431, "Headers too large", "The headers may have at most 16 kB and 100 lines.", "fix_request"},
	"dependency_unavailable": {503, "Dependency unavailable", "Access cannot be checked at the moment; try again after Retry-After.", "retry"},
	"overloaded":             {503, "Overloaded", "The service is too busy at the moment; try again after Retry-After.", "retry"},
}

// Shared values of headers: a slice of its own for each answer would cost an allocation.
var (
	jsonType    = []string{"application/json; charset=utf-8"}
	problemJSON = []string{"application/problem+json; charset=utf-8"}
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
	closing     = []string{"close"}
)

const retryAfterSeconds = 2

// refuse answers with a problem (RFC 9457).
func refuse(w http.ResponseWriter, refused *refusal, requestID string) error {
	problem := problems[refused.code]
	header := w.Header()
	header["Content-Type"], header["Cache-Control"] = problemJSON, noStore
	switch {
	case refused.code == "credential_missing":
		header.Set("WWW-Authenticate", "Bearer")
	case problem.status == http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case problem.status == http.StatusTooManyRequests || problem.status == http.StatusServiceUnavailable:
		after := refused.retryAfter
		if after == 0 {
			after = retryAfterSeconds
		}
		header.Set("Retry-After", strconv.FormatInt(after, 10))
	}
	b := make([]byte, 0, 512)
	b = append(append(b, `{"type":"urn:zego-video-token:problem:`...), refused.code...)
	b = appendString(append(b, `","title":`...), problem.title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(problem.status), 10)
	b = appendString(append(b, `,"detail":`...), problem.detail)
	b = appendString(append(b, `,"code":`...), refused.code)
	b = appendString(append(b, `,"action":`...), problem.action)
	b = appendString(append(b, `,"requestId":`...), requestID)
	if problem.status == http.StatusBadRequest {
		b = append(b, `,"errors":[`...)
		for n, one := range refused.errors {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendString(append(b, `{"path":`...), one.path)
			b = append(appendString(append(b, `,"message":`...), one.message), '}')
		}
		b = append(b, ']')
	}
	if refused.availableFrom != 0 {
		b = strconv.AppendInt(append(b, `,"availableFrom":`...), refused.availableFrom, 10)
	}
	return send(w, problem.status, append(b, '}'))
}

func send(w http.ResponseWriter, status int, body []byte) error {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
