// A peer for the benchmark that signs only: net/http, an in-memory list, a token04 generator. No log, no metrics, no
// rate limit; the peer that does the work of the service is in the folder equal.
// With SEED=true each token seeds two generators of random numbers and makes a cipher, as ZEGO's generator for Go
// does (ZEGOCLOUD/zego_server_assistant, token/go/src/token04).
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	weak "math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	appID           = 1
	secret          = "abcdefghijklmnopqrstuvwxyzabcdef"
	lifetimeSeconds = 3600
	maxBodyBytes    = 16 << 10
)

var errCredential = errors.New("credential is not valid")

// ask is the body of a request.
type ask struct {
	UserID  string `json:"userId"`
	RoomID  string `json:"roomId"`
	VideoID string `json:"videoId"`
}

type answer struct {
	Token    string `json:"token"`
	ExpireAt int64  `json:"expireAt"`
}

// directory says which user is in a room, and which video the room has.
type directory struct {
	members, videos map[string]string
}

func newDirectory(size int) directory {
	d := directory{make(map[string]string, size), make(map[string]string, size)}
	for n := 0; n < size; n++ {
		room := fmt.Sprintf("room-%d", n)
		d.members[room] = fmt.Sprintf("user-%d", n)
		d.videos[room] = fmt.Sprintf("video-%d", n)
	}
	return d
}

// verify returns the subject of a JWT that is signed by HS256 and has not expired.
func verify(jwt string, key []byte, now int64) (string, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return "", errCredential
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if err := decodePart(parts[0], &header); err != nil || header.Alg != "HS256" {
		return "", errCredential
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", errCredential
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(mac.Sum(nil), signature) {
		return "", errCredential
	}
	var claims struct {
		Sub string `json:"sub"`
		Exp int64  `json:"exp"`
	}
	if err := decodePart(parts[1], &claims); err != nil || claims.Sub == "" || claims.Exp <= now {
		return "", errCredential
	}
	return claims.Sub, nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// claims of a token04, in the order of ZEGO's generators.
type claims struct {
	AppID   uint32 `json:"app_id"`
	UserID  string `json:"user_id"`
	Nonce   int32  `json:"nonce"`
	Ctime   int64  `json:"ctime"`
	Expire  int64  `json:"expire"`
	Payload string `json:"payload"`
}

// draw returns what is random in a token, the nonce and the IV, and the cipher for it.
type draw func() (nonce int32, iv []byte, block cipher.Block, err error)

// drawSecure uses the system's randomness and one cipher.
func drawSecure() (draw, error) {
	block, err := aes.NewCipher([]byte(secret))
	return func() (int32, []byte, cipher.Block, error) {
		random := make([]byte, aes.BlockSize+4)
		_, err := rand.Read(random)
		nonce := int32(binary.BigEndian.Uint32(random[aes.BlockSize:]) >> 1)
		return nonce, random[:aes.BlockSize], block, err
	}, err
}

// drawSeeded does the work of ZEGO's generator.
func drawSeeded() (int32, []byte, cipher.Block, error) {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	nonce := weak.New(weak.NewSource(time.Now().UnixNano())).Int31()
	source := weak.New(weak.NewSource(time.Now().UnixNano()))
	iv := make([]byte, aes.BlockSize)
	for n := range iv {
		iv[n] = letters[source.Intn(len(letters))]
	}
	block, err := aes.NewCipher([]byte(secret))
	return nonce, iv, block, err
}

// generate makes a token04: "04" and the base64 of the expiry, the IV, and the claims by AES-256-CBC.
func generate(next draw, userID, payload string, now int64) (string, error) {
	nonce, iv, block, err := next()
	if err != nil {
		return "", err
	}
	expire := now + lifetimeSeconds
	text, err := json.Marshal(claims{appID, userID, nonce, now, expire, payload})
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(text)%aes.BlockSize
	text = append(text, bytes.Repeat([]byte{byte(padding)}, padding)...)
	out := make([]byte, 0, 12+len(iv)+len(text))
	out = binary.BigEndian.AppendUint64(out, uint64(expire))
	out = binary.BigEndian.AppendUint16(out, uint16(len(iv)))
	out = append(out, iv...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(text)))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return "04" + base64.StdEncoding.EncodeToString(append(out, text...)), nil
}

func issue(d directory, next draw, key []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Unix()
		user, err := verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), key, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		var asked ask
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes)).Decode(&asked); err != nil {
			http.Error(w, "body is not valid", http.StatusBadRequest)
			return
		}
		if asked.UserID != user || d.members[asked.RoomID] != user || d.videos[asked.RoomID] != asked.VideoID {
			http.Error(w, "not allowed", http.StatusForbidden)
			return
		}
		payload, err := json.Marshal(map[string]string{"room_id": asked.RoomID, "video_id": asked.VideoID})
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		token, err := generate(next, user, string(payload), now)
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer{token, now + lifetimeSeconds}); err != nil {
			log.Print(err)
		}
	}
}

func main() {
	size, err := strconv.Atoi(os.Getenv("USERS"))
	if err != nil {
		log.Fatal("USERS: ", err)
	}
	next, err := drawSecure()
	if err != nil {
		log.Fatal(err)
	}
	if os.Getenv("SEED") == "true" {
		next = drawSeeded
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {})
	http.HandleFunc("/video-token", issue(newDirectory(size), next, []byte(os.Getenv("AUTH_JWT_SECRET"))))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
