// A peer for the benchmark that does the work of the service: its checks, rules, limits, audit log, metrics and
// answers, by the same variables and on the same SQLite file. test/bench/equal-peer.test.ts compares them with the service's.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const maxHeaderBytes = 16 << 10

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	s, err := newService()
	if err != nil {
		return err
	}
	internal := &http.Server{Handler: s.metrics}
	public := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	ended := make(chan error, 2)
	go func() { ended <- serve(internal, os.Getenv("INTERNAL_PORT")) }()
	go func() { ended <- serve(public, os.Getenv("PORT")) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	select {
	case err = <-ended:
	case <-stop:
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		// Connections that are left after the timeout end with the process.
		_ = public.Shutdown(ctx)
	}
	s.output.close()
	return err
}

func serve(server *http.Server, port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

// newService reads the variables of the service that the peer knows.
func newService() (*service, error) {
	out := newOutput(os.Stdout)
	s := &service{
		output:        out,
		metrics:       newMetrics(),
		limits:        newCounter(),
		cache:         newCredentialCache(),
		countryHeader: http.CanonicalHeaderKey(os.Getenv("COUNTRY_HEADER")),
	}
	s.metrics.waitingBytes = out.waiting.Load
	s.metrics.openRequests = s.open.Load
	var failed []error
	number := func(name string, otherwise int64) int64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
		return value
	}
	appID := number("ZEGO_APP_ID", 0)
	s.ttlSeconds = number("TOKEN_TTL_SECONDS", 3600)
	s.perIP = number("RATE_LIMIT_PER_IP", 300)
	s.perUser = number("RATE_LIMIT_PER_USER", 60)
	var err error
	if s.trusted, err = parsePrefixes(os.Getenv("TRUST_PROXY")); err != nil {
		failed = append(failed, err)
	}
	if s.provider, err = newProvider(os.Getenv); err != nil {
		failed = append(failed, err)
	}
	if s.generator, err = newGenerator(appID, os.Getenv("ZEGO_SERVER_SECRET"), os.Getenv("TOKEN_MODE")); err != nil {
		failed = append(failed, err)
	}
	if len(failed) > 0 {
		return nil, failed[0]
	}
	path := os.Getenv("ACCESS_SQLITE_PATH")
	if path == "" {
		return nil, errors.New("ACCESS_SQLITE_PATH is not set")
	}
	s.directory, err = openDirectory(path)
	return s, err
}
