package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	clockToleranceSeconds = 5
	maxUnixSeconds        = 253_402_300_799
	maxSubjectBytes       = 1024
)

// check applies the checks of src/auth/claims.ts in their order.
func (p *provider) check(claims map[string]any, typ any, now int64) (*credential, *refusal) {
	issuer, refused := p.checkIssuer(claims)
	if refused == nil {
		refused = p.checkAudience(claims["aud"])
	}
	if refused == nil {
		refused = checkKind(claims, typ)
	}
	if refused != nil {
		return nil, refused
	}
	expiresAt, refused := checkTimes(claims, now)
	if refused != nil {
		return nil, refused
	}
	userID, refused := readSubject(claims)
	return &credential{userID: userID, issuer: issuer, expiresAt: expiresAt}, refused
}

func (p *provider) checkIssuer(claims map[string]any) (string, *refusal) {
	value, has := claims["iss"]
	issuer, isText := value.(string)
	if has && !isText {
		return "", unverified("claim_iss_type", "a string", described(value, has))
	}
	if p.issuer != "" && issuer != p.issuer {
		return "", unverified("claim_iss", p.issuer, quoted(value, has))
	}
	return issuer, nil
}

func (p *provider) checkAudience(value any) *refusal {
	if p.audiences == nil {
		return nil
	}
	given, isList := value.([]any)
	if !isList {
		given = []any{value}
	}
	texts := make([]string, len(given))
	for n, one := range given {
		for _, audience := range p.audiences {
			if one == audience {
				return nil
			}
		}
		texts[n] = quoted(one, one != nil || isList)
	}
	return unverified("claim_aud", strings.Join(p.audiences, " or "), clipped(strings.Join(texts, ", "), 200))
}

var (
	kindClaims = [...]string{"token_type", "tokenType", "type", "token_use", "tokenUse", "typ"}
	bindings   = [...]string{"jkt", "x5t#S256", "jwk", "jwe", "kid", "jku", "osc"}
	otherKinds = map[string]bool{
		"refresh": true, "offline": true, "logout": true, "resetpassword": true, "passwordreset": true,
		"forgotpassword": true, "verifyemail": true, "emailverification": true, "confirmemail": true,
		"emailconfirmation": true, "changeemail": true, "emailchange": true, "magiclink": true,
	}
	otherType = regexp.MustCompile(`\+(?:sd-)?jwt$`)
	uri       = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*:.`)
	plainName = regexp.MustCompile(`^[\w.+:/ -]{1,60}$`)
)

const (
	expectedKind = "an access, ID or session token"
	unbound      = "a token that is not bound to a key of its sender; this service cannot ask for the proof"
)

// checkKind refuses tokens of another kind that the same key signs.
func checkKind(claims map[string]any, typ any) *refusal {
	if refused := checkType(typ); refused != nil {
		return refused
	}
	for _, claim := range kindClaims {
		names, isList := claims[claim].([]any)
		if !isList {
			names = []any{claims[claim]}
		}
		for _, one := range names {
			if name, ok := one.(string); ok && otherKinds[kindName(name)] {
				return unverified("claim_"+claim, expectedKind, shown(name))
			}
		}
	}
	if events, ok := claims["events"].(map[string]any); ok {
		for name := range events {
			if uri.MatchString(name) {
				return unverified("claim_events", expectedKind, "a security event")
			}
		}
	}
	if name, ok := claims["token_type"].(string); ok && (kindName(name) == "dpop" || kindName(name) == "pop") {
		return unverified("claim_token_type", unbound, shown(name))
	}
	value := claims["cnf"]
	if value == nil {
		return nil
	}
	members, ok := value.(map[string]any)
	if !ok {
		return unverified("claim_cnf", "an object", "a value that is no object")
	}
	for _, name := range bindings {
		if _, has := members[name]; has {
			return unverified("claim_cnf", unbound, name)
		}
	}
	return nil
}

func checkType(typ any) *refusal {
	if typ == nil || typ == "JWT" {
		return nil
	}
	text, ok := typ.(string)
	if !ok {
		return unverified("header_typ", "a media type", "a value that is no string")
	}
	name := strings.ToLower(strings.TrimSpace(strings.SplitN(text, ";", 2)[0]))
	name = strings.TrimPrefix(name, "application/")
	if !otherType.MatchString(name) || name == "at+jwt" {
		return nil
	}
	return unverified("header_typ", "JWT or at+jwt", shown(name))
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "", "\t", "", "\n", "", "\r", "")

func kindName(text string) string {
	name := separators.Replace(strings.ToLower(text[strings.LastIndexByte(text, ':')+1:]))
	return strings.TrimSuffix(name, "token")
}

func shown(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "another one"
}

// checkTimes has the clock tolerance for nbf and iat only; exp is exact.
func checkTimes(claims map[string]any, now int64) (int64, *refusal) {
	value, has := claims["exp"]
	exp, isNumber := value.(float64)
	if !has {
		return 0, unverified("claim_exp_missing", "Unix seconds", "missing")
	}
	if !isNumber {
		return 0, unverified("claim_exp_type", "Unix seconds", timeKind(value))
	}
	if math.Floor(exp) > maxUnixSeconds {
		return 0, unverified("claim_exp", "Unix seconds", quoted(value, has))
	}
	latest := now + clockToleranceSeconds
	for _, name := range [...]string{"nbf", "iat"} {
		value, has := claims[name]
		if !has {
			continue
		}
		time, isNumber := value.(float64)
		if !isNumber {
			return 0, unverified("claim_"+name+"_type", "Unix seconds", timeKind(value))
		}
		if time > float64(latest) {
			return 0, unverified("claim_"+name, fmt.Sprintf("at most %d", latest), quoted(value, has))
		}
	}
	if math.Floor(exp) <= float64(now) {
		return 0, &refusal{code: "credential_expired"}
	}
	return int64(math.Floor(exp)), nil
}

func readSubject(claims map[string]any) (string, *refusal) {
	value, has := claims["sub"]
	subject, isText := value.(string)
	if !has {
		return "", unverified("claim_sub_missing", "a user id in sub", "missing")
	}
	if number, ok := value.(float64); ok && math.Abs(number) > 1<<53-1 {
		expected := fmt.Sprintf("a number up to %d; a larger one must be sent as text", 1<<53-1)
		return "", unverified("claim_sub_type", expected, "a larger number")
	}
	if !isText {
		return "", unverified("claim_sub_type", "a string", described(value, has))
	}
	problem := ""
	switch {
	case hasControls(subject):
		problem = "must have no control characters"
	case strings.ContainsRune(subject, utf8.RuneError):
		problem = "must be valid Unicode, without lone surrogates"
	case subject == "":
		problem = "Too small: expected string to have >=1 characters"
	case len(subject) > maxSubjectBytes:
		problem = "Too big: expected string to have <=1024 characters"
	}
	if problem != "" {
		return "", unverified("claim_sub", problem, described(value, has))
	}
	if expected, received, _ := zegoRefusal(subject, maxZegoUser, 1002006); received != "" {
		reason := refusal{code: "user_not_allowed", reason: "user_id_refused_by_zego"}
		reason.expected, reason.received = expected, received
		return "", &reason
	}
	return subject, nil
}

// described says what a value is without quoting it, since it may be personal data.
func described(value any, has bool) string {
	switch value := value.(type) {
	case string:
		return fmt.Sprintf("%d bytes", len(value))
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case nil:
		if !has {
			return "missing"
		}
		return "null"
	}
	return "a " + kindOf(value, has)
}

func timeKind(value any) string {
	if _, ok := value.(string); ok {
		return "a string"
	}
	return described(value, true)
}

// quoted is for a value that cannot be personal data.
func quoted(value any, has bool) string {
	switch value := value.(type) {
	case string:
		return clipped(value, 200)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return described(value, has)
}
