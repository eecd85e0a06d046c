package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// randomness reads the system's some kB at a time, as the service does.
type randomness struct {
	mu     sync.Mutex
	source *bufio.Reader
}

func newRandomness() *randomness {
	return &randomness{source: bufio.NewReaderSize(rand.Reader, 4096)}
}

func (r *randomness) fill(bytes []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := io.ReadFull(r.source, bytes); err != nil {
		panic(err)
	}
}

var random = newRandomness()

// generator makes token04s with one long-lived cipher.
type generator struct {
	appID  int64
	block  cipher.Block
	gcm    cipher.AEAD
	isGCM  bool
	ivSize int
}

func newGenerator(appID int64, secret, mode string) (*generator, error) {
	if appID < 1 || appID > 0xffff_ffff {
		return nil, errors.New("ZEGO_APP_ID is not from 1 to 4294967295")
	}
	if len(secret) != 32 {
		return nil, fmt.Errorf("ZEGO_SERVER_SECRET has %d bytes and not 32", len(secret))
	}
	block, err := aes.NewCipher([]byte(secret))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	g := &generator{appID: appID, block: block, gcm: gcm, isGCM: mode == "gcm", ivSize: aes.BlockSize}
	if g.isGCM {
		g.ivSize = gcm.NonceSize()
	}
	return g, err
}

func (g *generator) generate(userID, payload string, now, expireAt int64) string {
	var fresh [aes.BlockSize + 4]byte
	random.fill(fresh[:])
	iv, nonce := fresh[:g.ivSize], binary.BigEndian.Uint32(fresh[aes.BlockSize:])&0x7fff_ffff
	text := make([]byte, 0, 256)
	text = strconv.AppendInt(append(text, `{"app_id":`...), g.appID, 10)
	text = appendString(append(text, `,"user_id":`...), userID)
	text = strconv.AppendInt(append(text, `,"ctime":`...), now, 10)
	text = strconv.AppendInt(append(text, `,"expire":`...), expireAt, 10)
	text = strconv.AppendInt(append(text, `,"nonce":`...), int64(nonce), 10)
	text = appendString(append(text, `,"payload":`...), payload)
	text = append(text, '}')
	out := make([]byte, 0, 12+g.ivSize+len(text)+g.gcm.Overhead()+1)
	out = binary.BigEndian.AppendUint64(out, uint64(expireAt))
	out = binary.BigEndian.AppendUint16(out, uint16(g.ivSize))
	out = append(out, iv...)
	if g.isGCM {
		out = binary.BigEndian.AppendUint16(out, uint16(len(text)+g.gcm.Overhead()))
		out = append(g.gcm.Seal(out, iv, text, nil), 1)
	} else {
		padding := aes.BlockSize - len(text)%aes.BlockSize
		for n := 0; n < padding; n++ {
			text = append(text, byte(padding))
		}
		cipher.NewCBCEncrypter(g.block, iv).CryptBlocks(text, text)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(text))), text...)
	}
	return "04" + base64.StdEncoding.EncodeToString(out)
}

func videoPayload(roomID, videoID string) string {
	text := make([]byte, 0, 64)
	text = appendString(append(text, `{"room_id":`...), roomID)
	text = appendString(append(text, `,"video_id":`...), videoID)
	return string(append(text, '}'))
}
