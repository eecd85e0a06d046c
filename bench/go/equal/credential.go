package main

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	cacheEntries    = 20_000
	cacheCharacters = 16_000_000
	cacheFor        = 59 * time.Second
	maxJWTBytes     = 12 << 10
	minRSABits      = 2048
	minSecretBytes  = 32
)

// credential is the user of a verified JWT.
type credential struct {
	userID, issuer string
	expiresAt      int64
}

// credentialCache keeps verified credentials by the exact text of their JWT.
type credentialCache struct {
	mu      sync.Mutex
	entries *lru[cached]
}

type cached struct {
	who   *credential
	until time.Time
}

func newCredentialCache() *credentialCache {
	length := func(token string) int { return len(token) }
	return &credentialCache{entries: newLRU[cached](cacheEntries, cacheCharacters, length)}
}

func (c *credentialCache) get(token string, now time.Time) *credential {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, ok := c.entries.get(token); ok && now.Before(one.until) {
		return one.who
	}
	return nil
}

func (c *credentialCache) set(token string, who *credential, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.set(token, cached{who, now.Add(cacheFor)})
}

// provider has the one key of the JWTs, and what their claims must say.
type provider struct {
	algorithm string
	secret    []byte
	macs      sync.Pool
	publicKey *rsa.PublicKey
	issuer    string
	audiences []string
}

func newProvider(variable func(string) string) (*provider, error) {
	p := &provider{algorithm: "HS256", secret: []byte(variable("AUTH_JWT_SECRET")), issuer: variable("AUTH_ISSUER")}
	if text := variable("AUTH_AUDIENCE"); text != "" {
		p.audiences = strings.Split(text, ",")
	}
	text := variable("AUTH_JWT_PUBLIC_KEY")
	if text == "" {
		if len(p.secret) < minSecretBytes {
			return nil, fmt.Errorf("AUTH_JWT_SECRET has fewer than %d bytes", minSecretBytes)
		}
		p.macs.New = func() any { return hmac.New(sha256.New, p.secret) }
		return p, nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("AUTH_JWT_PUBLIC_KEY is not PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok || public.N.BitLen() < minRSABits {
		return nil, fmt.Errorf("AUTH_JWT_PUBLIC_KEY is no RSA key of %d bits or more", minRSABits)
	}
	p.algorithm, p.publicKey = "RS256", public
	return p, nil
}

// readBearer takes the token out of an Authorization header (RFC 6750 section 2.1).
func readBearer(values []string) (string, *refusal) {
	if values == nil {
		return "", &refusal{code: "credential_missing"}
	}
	const scheme = "bearer "
	text := values[0]
	if len(text) <= len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return "", unverified("not_bearer", "", "")
	}
	token := strings.TrimLeft(text[len(scheme):], " ")
	bare := strings.TrimRight(token, "=")
	for n := 0; n < len(bare); n++ {
		if !base64URL[bare[n]] && !strings.ContainsRune(".~+/", rune(bare[n])) {
			return "", unverified("not_bearer", "", "")
		}
	}
	if bare == "" {
		return "", unverified("not_bearer", "", "")
	}
	return token, nil
}

func unverified(reason, expected, received string) *refusal {
	return &refusal{code: "credential_invalid", reason: reason, expected: expected, received: received}
}

// base64URL are the characters of base64url.
var base64URL = func() (table [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		table[c] = true
	}
	return table
}()

func isBase64URL(text string) bool {
	for n := 0; n < len(text); n++ {
		if !base64URL[text[n]] {
			return false
		}
	}
	return text != ""
}

// verify checks the signature, then the claims.
func (p *provider) verify(token string, now int64) (*credential, *refusal) {
	if len(token) > maxJWTBytes {
		return nil, unverified("too_long", fmt.Sprintf("at most %d bytes", maxJWTBytes), "")
	}
	notJWT := unverified("not_jwt", "three parts in base64url without padding", "")
	first, last := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	if first < 0 || first == last {
		return nil, notJWT
	}
	head, payload, tail := token[:first], token[first+1:last], token[last+1:]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(tail)
	if err != nil || !isBase64URL(head) || !isBase64URL(payload) || !isBase64URL(tail) {
		return nil, notJWT
	}
	header := decodePart(head)
	algorithm, isText := header["alg"].(string)
	kid, hasKid := header["kid"]
	_, isKid := kid.(string)
	_, hasCrit := header["crit"]
	_, hasB64 := header["b64"]
	if !isText || hasKid && !isKid || hasCrit || hasB64 {
		return nil, unverified("header", "a header with alg, kid as text, and no crit or b64", "")
	}
	if algorithm != p.algorithm {
		return nil, unverified("alg_not_allowed", p.algorithm, clipped(algorithm, 20))
	}
	if !p.isSignedBy(token[:last], signature) {
		return nil, unverified("signature", "", "")
	}
	claims := decodePart(payload)
	if claims == nil {
		return nil, unverified("claims", "JSON in UTF-8", "")
	}
	return p.check(claims, header["typ"], now)
}

func (p *provider) isSignedBy(input string, signature []byte) bool {
	if p.publicKey != nil {
		sum := sha256.Sum256([]byte(input))
		return rsa.VerifyPKCS1v15(p.publicKey, crypto.SHA256, sum[:], signature) == nil
	}
	mac := p.macs.Get().(interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
		Reset()
	})
	defer p.macs.Put(mac)
	mac.Reset()
	_, _ = mac.Write([]byte(input))
	var sum [sha256.Size]byte
	return hmac.Equal(mac.Sum(sum[:0]), signature)
}

// decodePart returns the JSON object in a part of a JWT, or nil.
func decodePart(part string) map[string]any {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !utf8.Valid(text) || bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return nil
	}
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return nil
	}
	return object
}

func clipped(text string, length int) string {
	if len(text) > length {
		return text[:length]
	}
	return text
}
