package main

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	maxHeaders      = 100
	maxOpenRequests = 4096
)

type service struct {
	provider       *provider
	cache          *credentialCache
	directory      *directory
	generator      *generator
	limits         *counter
	output         *output
	metrics        *metrics
	trusted        []netip.Prefix
	countryHeader  string
	ttlSeconds     int64
	perIP, perUser int64
	open           atomic.Int64
}

// decision is what the audit log says of a request.
type decision struct {
	requestID, code            string
	reason, expected, received string
	ip, userID, issuer         string
	roomID, videoID, country   string
	expireAt                   int64
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	requestID := requestIDOf(r)
	header := w.Header()
	header["X-Request-Id"], header["X-Content-Type-Options"] = []string{requestID}, noSniff
	if origin := r.Header["Origin"]; origin != nil {
		s.metrics.corsRefused.Add(1)
	}
	refused := headerRefusal(r)
	if refused != nil || r.Header["Upgrade"] != nil {
		header["Connection"] = closing
	}
	allow := ""
	switch path := r.URL.Path; {
	case path == "/video-token" && r.Method == http.MethodPost:
		s.token(w, r, refused, requestID, started)
		return
	case path == "/video-token":
		allow = "POST"
	case path == "/healthz" || path == "/readyz":
		allow = "GET, HEAD"
	}
	if refused == nil && allow == "GET, HEAD" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		header["Content-Type"] = jsonType
		text := `{"status":"ok"}`
		if r.URL.Path == "/readyz" {
			text = `{"status":"ready","dependencies":{"access":"up","keys":"up"}}`
		}
		_ = send(w, http.StatusOK, []byte(text))
		return
	}
	if refused == nil {
		client, _ := s.clientOf(r)
		refused = s.admit(client)
	}
	if refused == nil && allow == "" {
		refused = &refusal{code: "not_found"}
	} else if refused == nil {
		refused = &refusal{code: "method_not_allowed"}
		header.Set("Allow", allow)
	}
	_ = refuse(w, refused, requestID)
}

// admit sheds load and limits an address, and counts an open request.
func (s *service) admit(client netip.Addr) *refusal {
	if s.output.blocked() {
		return &refusal{code: "dependency_unavailable", reason: "audit_log_blocked"}
	}
	if s.open.Load() > maxOpenRequests {
		return &refusal{code: "overloaded"}
	}
	return s.limited(s.limits.check("ip:"+networkOf(client), s.perIP), &s.metrics.limitedIP)
}

func (s *service) limited(refused *refusal, count *atomic.Uint64) *refusal {
	if refused != nil {
		count.Add(1)
	}
	return refused
}

// token answers one request for a token, and logs and counts it.
func (s *service) token(w http.ResponseWriter, r *http.Request, refused *refusal, requestID string, started time.Time) {
	s.open.Add(1)
	defer s.open.Add(-1)
	client, byProxy := s.clientOf(r)
	d := decision{requestID: requestID, ip: client.String()}
	var token string
	if refused == nil {
		token, refused = s.issue(w, r, &d, client, byProxy)
	}
	outcome, err := "issued", error(nil)
	if refused == nil {
		d.code = "issued"
		w.Header()["Cache-Control"], w.Header()["Content-Type"] = noStore, jsonType
		b := append(make([]byte, 0, 384), `{"token":"`...)
		b = append(append(b, token...), `","expireAt":`...)
		err = send(w, http.StatusOK, append(strconv.AppendInt(b, d.expireAt, 10), '}'))
	} else {
		d.code, outcome = refused.code, "denied"
		d.reason, d.expected, d.received = refused.reason, refused.expected, refused.received
		if problems[refused.code].status >= http.StatusInternalServerError {
			outcome = "failed"
		}
		err = refuse(w, refused, requestID)
	}
	if err != nil && refused == nil {
		d.code, outcome = "aborted", "failed"
	}
	took := time.Since(started)
	s.metrics.decided(outcome, d.code, took)
	s.output.write(&d, outcome, took)
}

// issue goes through the steps in the order of src/http/token-route.ts.
func (s *service) issue(
	w http.ResponseWriter, r *http.Request, d *decision, client netip.Addr, byProxy bool,
) (string, *refusal) {
	if refused := s.admit(client); refused != nil {
		return "", refused
	}
	who, refused := s.authenticate(r.Header["Authorization"])
	if refused != nil {
		return "", refused
	}
	d.userID, d.issuer = who.userID, who.issuer
	if refused := s.limited(s.limits.check("user:"+who.userID, s.perUser), &s.metrics.limitedUser); refused != nil {
		return "", refused
	}
	body, refused := readBody(w, r)
	if refused != nil {
		return "", refused
	}
	asked, refused := parseRequest(body)
	if refused != nil {
		return "", refused
	}
	d.roomID, d.videoID = asked.roomID, asked.videoID
	if s.countryHeader != "" && byProxy {
		d.country = countryOf(r.Header[s.countryHeader])
	}
	if asked.hasUserID && asked.userID != who.userID {
		return "", &refusal{code: "subject_mismatch"}
	}
	if refused := refuseRoomID(asked.roomID); refused != nil {
		return "", refused
	}
	now := time.Now()
	facts, err := s.directory.facts(who.userID, asked.roomID, asked.videoID)
	s.metrics.access.observe(time.Since(now))
	if err != nil {
		return "", &refusal{code: "dependency_unavailable", reason: err.Error()}
	}
	notAfter, refused := decide(facts, d.country, now.Unix())
	if refused != nil {
		return "", refused
	}
	expireAt, refused := expiry(now.Unix(), s.ttlSeconds, notAfter, who.expiresAt)
	if refused != nil {
		return "", refused
	}
	payload := videoPayload(asked.roomID, asked.videoID)
	token := s.generator.generate(who.userID, payload, now.Unix(), expireAt)
	d.expireAt = expireAt
	return token, nil
}

// authenticate returns a credential that is cached, or verifies it.
func (s *service) authenticate(authorization []string) (*credential, *refusal) {
	token, refused := readBearer(authorization)
	if refused != nil {
		return nil, refused
	}
	now := time.Now()
	if who := s.cache.get(token, now); who != nil {
		s.metrics.cacheHits.Add(1)
		if who.expiresAt <= now.Unix() {
			return nil, &refusal{code: "credential_expired"}
		}
		return who, nil
	}
	s.metrics.cacheMisses.Add(1)
	who, refused := s.provider.verify(token, now.Unix())
	s.metrics.verify.observe(time.Since(now))
	if refused == nil {
		s.cache.set(token, who, now)
	}
	return who, refused
}

// requestIDOf is the client's if it is safe to log, else a new UUID.
func requestIDOf(r *http.Request) string {
	if given := r.Header["X-Request-Id"]; len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	var id [16]byte
	random.fill(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for n, one := range id {
		if n == 4 || n == 6 || n == 8 || n == 10 {
			text = append(text, '-')
		}
		text = append(text, hex[one>>4], hex[one&15])
	}
	return string(text)
}

func isRequestID(text string) bool {
	if len(text) == 0 || len(text) > 64 {
		return false
	}
	return isBase64URL(text)
}

func headerRefusal(r *http.Request) *refusal {
	lines := 1 // Host, which net/http takes out.
	for _, values := range r.Header {
		lines += len(values)
	}
	if lines > maxHeaders {
		return &refusal{code: "headers_too_large"}
	}
	for _, name := range [...]string{"Authorization", "Content-Type"} {
		if len(r.Header[name]) > 1 {
			return invalid("", "send the header "+lower[name]+" once")
		}
	}
	return nil
}

var lower = map[string]string{"Authorization": "authorization", "Content-Type": "content-type"}

func countryOf(values []string) string {
	if len(values) != 1 || len(values[0]) != 2 {
		return ""
	}
	for _, c := range []byte(values[0]) {
		if c < 'A' || c > 'Z' {
			return ""
		}
	}
	return values[0]
}
