package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxBodyBytes = 16 << 10
	maxCompared  = 64
	maxNameBytes = 40
)

var jsonTypes = regexp.MustCompile(`(?i)^application/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$`)

// readBody takes uncompressed JSON in UTF-8 of a bounded size.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	given := r.Header["Content-Type"]
	isJSON := len(given) == 1 && (given[0] == "application/json" || jsonTypes.MatchString(given[0]))
	if !isJSON || r.Header["Content-Encoding"] != nil {
		return nil, &refusal{code: "unsupported_media_type"}
	}
	if r.ContentLength > maxBodyBytes {
		w.Header()["Connection"] = closing
		return nil, &refusal{code: "body_too_large"}
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refusal{code: "body_too_large"}
	case err != nil:
		return nil, invalid("", "the body did not arrive")
	case len(body) == 0:
		return nil, invalid("", "Body cannot be empty when content-type is set to 'application/json'")
	case !utf8.Valid(body) || bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return nil, invalid("", "must be UTF-8 without a byte order mark")
	}
	return body, nil
}

type tokenRequest struct {
	roomID, videoID, userID string
	hasUserID               bool
}

var fields = [...]string{"roomId", "videoId", "userId"}

func parseRequest(body []byte) (tokenRequest, *refusal) {
	var value any
	// Keys that reach the prototype of an object are no JSON to the service.
	if bytes.Contains(body, []byte("__proto__")) || json.Unmarshal(body, &value) != nil {
		return tokenRequest{}, invalid("", "Body is not valid JSON but content-type is set to 'application/json'")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return tokenRequest{}, invalid("", "Invalid input: expected object, received "+kindOf(value, true))
	}
	if refused := nearMiss(object); refused != nil {
		return tokenRequest{}, refused
	}
	// Go reads a lone surrogate as U+FFFD, which the text may also have by itself.
	hasEscapes := bytes.Contains(body, []byte(`\u`))
	refused := &refusal{code: "invalid_request"}
	read := func(name string, maxBytes int, isOptional bool) string {
		value, has := object[name]
		text, isText := value.(string)
		if isText {
			checkID(refused, "/"+name, text, maxBytes, hasEscapes)
		} else if has || !isOptional {
			message := "Invalid input: expected string, received " + kindOf(value, has)
			refused.errors = append(refused.errors, fieldError{"/" + name, message})
		}
		return text
	}
	asked := tokenRequest{roomID: read(fields[0], 128, false), videoID: read(fields[1], 128, false)}
	asked.userID = read(fields[2], 64, true)
	_, asked.hasUserID = object[fields[2]]
	if refused.errors != nil {
		return asked, refused
	}
	return asked, nil
}

func checkID(refused *refusal, path, text string, maxBytes int, hasEscapes bool) {
	add := func(message string) { refused.errors = append(refused.errors, fieldError{path, message}) }
	if hasControls(text) {
		add("must have no control characters")
	}
	if hasEscapes && strings.ContainsRune(text, utf8.RuneError) {
		add("must be valid Unicode, without lone surrogates")
	}
	if text == "" {
		add("Too small: expected string to have >=1 characters")
	}
	if len(text) <= maxBytes {
		return
	}
	if len(utf16.Encode([]rune(text))) > maxBytes {
		add(fmt.Sprintf("Too big: expected string to have <=%d characters", maxBytes))
	}
	add(fmt.Sprintf("must be at most %d bytes of UTF-8", maxBytes))
}

func hasControls(text string) bool {
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			return true
		}
	}
	return false
}

var nameSeparators = strings.NewReplacer("_", "", "-", "", " ", "")

// nearMiss refuses roomID, user_id and the like: they would be ignored.
func nearMiss(object map[string]any) *refusal {
	compared := 0
	for name := range object {
		if name == fields[0] || name == fields[1] || name == fields[2] {
			continue
		}
		if compared++; compared > maxCompared || len(name) > maxNameBytes {
			continue
		}
		plain := nameSeparators.Replace(strings.ToLower(name))
		for _, field := range fields {
			if isNear([]rune(plain), []rune(strings.ToLower(field))) {
				return invalid("/"+name, "is not known; did you mean "+field+"?")
			}
		}
	}
	return nil
}

// isNear is true for at most one insertion, deletion, substitution or swap of neighbours.
func isNear(a, b []rune) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a) > len(b)+1 {
		return false
	}
	at := 0
	for at < len(b) && a[at] == b[at] {
		at++
	}
	if at == len(b) {
		return true
	}
	if len(a) > len(b) {
		return string(a[at+1:]) == string(b[at:])
	}
	isSwap := at+1 < len(b) && a[at] == b[at+1] && a[at+1] == b[at] && string(a[at+2:]) == string(b[at+2:])
	return isSwap || string(a[at+1:]) == string(b[at+1:])
}

// kindOf is the JavaScript name of what JSON had.
func kindOf(value any, has bool) string {
	switch value.(type) {
	case nil:
		if !has {
			return "undefined"
		}
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	}
	return "object"
}

const (
	zegoCharacters = "~!@#$%^&*()_+=-`;',.<>\\"
	maxZegoUser    = 63
	maxZegoRoom    = 127
)

// zegoRefusal says what ZEGO accepts and what it got instead, and the number of its error.
func zegoRefusal(id string, maxBytes, charactersError int) (expected, received string, zegoError int) {
	for _, r := range id {
		isPlain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !isPlain && !strings.ContainsRune(zegoCharacters, r) {
			received, zegoError = fmt.Sprintf("U+%04X", r), charactersError
			break
		}
	}
	if received == "" && len(id) > maxBytes {
		received, zegoError = fmt.Sprintf("%d bytes", len(id)), charactersError+1
	}
	if received != "" {
		expected = fmt.Sprintf("at most %d ASCII letters, digits and %s", maxBytes, zegoCharacters)
	}
	return expected, received, zegoError
}

func refuseRoomID(roomID string) *refusal {
	expected, received, zegoError := zegoRefusal(roomID, maxZegoRoom, 1002012)
	if received == "" {
		return nil
	}
	return invalid("/roomId", fmt.Sprintf("ZEGO accepts %s; got %s (ZEGO error %d)", expected, received, zegoError))
}
