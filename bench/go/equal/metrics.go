package main

import (
	"fmt"
	"net/http"
	"sort"
	"sync/atomic"
	"time"
)

// buckets are the upper bounds of the histograms.
var buckets = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
}

type histogram struct {
	counts [len(buckets) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(took time.Duration) {
	at := 0
	for at < len(buckets) && took > buckets[at] {
		at++
	}
	h.counts[at].Add(1)
	h.sum.Add(int64(took))
}

// metrics of the requests, by the names of src/ops/metrics.ts.
type metrics struct {
	decisions                map[string]*atomic.Uint64 // By outcome and code.
	duration, verify, access histogram
	cacheHits, cacheMisses   atomic.Uint64
	limitedIP, limitedUser   atomic.Uint64
	corsRefused              atomic.Uint64
	openRequests             func() int64
	waitingBytes             func() int64
}

func newMetrics() *metrics {
	m := &metrics{decisions: map[string]*atomic.Uint64{
		"issued issued":  new(atomic.Uint64),
		"failed aborted": new(atomic.Uint64),
	}}
	for code, problem := range problems {
		outcome := "denied "
		if problem.status >= http.StatusInternalServerError {
			outcome = "failed "
		}
		m.decisions[outcome+code] = new(atomic.Uint64)
	}
	return m
}

func (m *metrics) decided(outcome, code string, took time.Duration) {
	m.decisions[outcome+" "+code].Add(1)
	m.duration.observe(took)
}

// ServeHTTP answers in the text format of Prometheus.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	names := make([]string, 0, len(m.decisions))
	for name := range m.decisions {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintln(w, "# TYPE video_token_decisions_total counter")
	for _, name := range names {
		if count := m.decisions[name].Load(); count > 0 {
			var outcome, code string
			fmt.Sscan(name, &outcome, &code)
			fmt.Fprintf(w, "video_token_decisions_total{outcome=%q,code=%q} %d\n", outcome, code, count)
		}
	}
	writeHistogram(w, "video_token_duration_seconds", "", &m.duration)
	writeHistogram(w, "auth_verify_duration_seconds", "", &m.verify)
	writeHistogram(w, "access_check_duration_seconds", `mode="sqlite"`, &m.access)
	fmt.Fprintln(w, "# TYPE auth_cache_total counter")
	fmt.Fprintf(w, "auth_cache_total{result=\"hit\"} %d\n", m.cacheHits.Load())
	fmt.Fprintf(w, "auth_cache_total{result=\"miss\"} %d\n", m.cacheMisses.Load())
	fmt.Fprintln(w, "# TYPE rate_limited_total counter")
	fmt.Fprintf(w, "rate_limited_total{scope=\"ip\"} %d\n", m.limitedIP.Load())
	fmt.Fprintf(w, "rate_limited_total{scope=\"user\"} %d\n", m.limitedUser.Load())
	fmt.Fprintf(w, "# TYPE cors_refused_total counter\ncors_refused_total %d\n", m.corsRefused.Load())
	fmt.Fprintf(w, "# TYPE open_requests gauge\nopen_requests %d\n", m.openRequests())
	fmt.Fprintf(w, "# TYPE audit_waiting_bytes gauge\naudit_waiting_bytes %d\n", m.waitingBytes())
}

func writeHistogram(w http.ResponseWriter, name, labels string, h *histogram) {
	fmt.Fprintf(w, "# TYPE %s histogram\n", name)
	if labels != "" {
		labels += ","
	}
	sum := uint64(0)
	for n := range h.counts {
		sum += h.counts[n].Load()
		bound := "+Inf"
		if n < len(buckets) {
			bound = fmt.Sprint(buckets[n].Seconds())
		}
		fmt.Fprintf(w, "%s_bucket{%sle=%q} %d\n", name, labels, bound, sum)
	}
	if labels != "" {
		labels = "{" + labels[:len(labels)-1] + "}"
	}
	fmt.Fprintf(w, "%s_sum%s %g\n%s_count%s %d\n", name, labels, time.Duration(h.sum.Load()).Seconds(), name, labels, sum)
}
