package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"tabseek/server/loopback"
	"tabseek/wasm/harness"
	"tabseek/wasm/harness/openai"
)

const (
	finishGrace = 10 * time.Second // for what is under way when the server is told to end
	stopGrace   = 2 * time.Second  // after that, for clients to read that it was cut short
)

// serve answers by OpenAI's HTTP API until it is told to end, or the host fails.
func serve(ctx context.Context, args []string, to streams) error {
	a, err := parseServe(args)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.addr) // before the model loads: a port that is taken is said at once
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", a.addr, err)
	}
	defer listener.Close()
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		log := slog.New(slog.NewTextHandler(to.err, nil))
		api := openai.New(openai.Options{
			Host: host, Model: modelName(a.model), Queue: a.queue, Key: a.key, Loopback: loopback.Address(listener.Addr()), Log: log,
		})
		server := &http.Server{
			Handler:           api,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       120 * time.Second,
			MaxHeaderBytes:    16 << 10,
		}
		announce(to.out, listener.Addr(), modelName(a.model), a.key != "")
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		select {
		case err := <-failed:
			return err
		case <-host.Ended():
			return errors.Join(host.Err(), server.Close())
		case <-ctx.Done():
		}
		return shutDown(server, api)
	})
}

// shutDown lets what is under way come to its end, but not for long.
func shutDown(server *http.Server, api *openai.Server) error {
	grace, cancel := context.WithTimeout(context.Background(), finishGrace+stopGrace)
	defer cancel()
	defer time.AfterFunc(finishGrace, api.Stop).Stop()
	if err := server.Shutdown(grace); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// modelName is what clients call the model: its folder's name.
func modelName(model string) string {
	if path, err := filepath.Abs(model); err == nil {
		return filepath.Base(path)
	}
	return filepath.Base(model)
}

func announce(w io.Writer, addr net.Addr, model string, key bool) {
	fmt.Fprintf(w, "%s answers at http://%s/v1\n", model, addr)
	if !loopback.Address(addr) && !key {
		fmt.Fprintln(w, "Whoever reaches this address can ask: --api-key-env VAR has clients send a key.")
	}
}
