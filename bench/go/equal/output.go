package main

import (
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bufferBytes     = 15 * 1024
	flushEvery      = 100 * time.Millisecond
	maxWaitingBytes = 8 << 20
)

// output writes the lines of the audit log some kB at a time, and never in the way of a request.
type output struct {
	mu      sync.Mutex
	lines   []byte
	spare   []byte
	full    chan struct{}
	ended   chan struct{}
	waiting atomic.Int64
	failed  atomic.Bool
}

func newOutput(to io.Writer) *output {
	o := &output{full: make(chan struct{}, 1), ended: make(chan struct{})}
	go o.run(to)
	return o
}

// blocked is when no token may be issued, as its line could not be written.
func (o *output) blocked() bool {
	return o.failed.Load() || o.waiting.Load() > maxWaitingBytes
}

func (o *output) write(d *decision, outcome string, took time.Duration) {
	if o.blocked() && outcome != "issued" {
		return
	}
	o.mu.Lock()
	before := len(o.lines)
	o.lines = appendLine(o.lines, d, outcome, took)
	o.waiting.Add(int64(len(o.lines) - before))
	isFull := len(o.lines) >= bufferBytes
	o.mu.Unlock()
	if isFull {
		select {
		case o.full <- struct{}{}:
		default:
		}
	}
}

func (o *output) run(to io.Writer) {
	defer close(o.ended)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for isOpen := true; isOpen; {
		select {
		case _, isOpen = <-o.full:
		case <-ticker.C:
		}
		o.mu.Lock()
		lines := o.lines
		o.lines = o.spare[:0]
		o.mu.Unlock()
		o.spare = lines
		for len(lines) > 0 {
			n, err := to.Write(lines)
			lines = lines[n:]
			o.waiting.Add(int64(-n))
			o.failed.Store(err != nil)
			if err != nil {
				time.Sleep(flushEvery)
			}
		}
	}
}

func (o *output) close() {
	close(o.full)
	<-o.ended
}

func appendLine(b []byte, d *decision, outcome string, took time.Duration) []byte {
	b = append(b, `{"level":"info","time":"`...)
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","event":"video_token"`...)
	for _, field := range [...]struct{ name, value string }{
		{`,"requestId":`, d.requestID},
		{`,"outcome":`, outcome},
		{`,"code":`, d.code},
		{`,"ip":`, d.ip},
		{`,"userId":`, d.userID},
		{`,"issuer":`, d.issuer},
		{`,"roomId":`, d.roomID},
		{`,"videoId":`, d.videoID},
		{`,"country":`, d.country},
		{`,"reason":`, d.reason},
		{`,"expected":`, d.expected},
		{`,"received":`, d.received},
	} {
		if field.value != "" {
			b = appendString(append(b, field.name...), field.value)
		}
	}
	if d.expireAt != 0 {
		b = strconv.AppendInt(append(b, `,"expireAt":`...), d.expireAt, 10)
	}
	b = append(b, `,"durationMs":`...)
	b = strconv.AppendFloat(b, float64(took.Microseconds())/1000, 'f', -1, 64)
	return append(b, '}', '\n')
}
