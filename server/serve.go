package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tabseek/engine/weights"
	"tabseek/server/commandline"
	"tabseek/server/loopback"
	"tabseek/server/remote"
	"tabseek/shaders"
	"tabseek/web"
)

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return fmt.Sprint(*l) }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }

const (
	shutdownGrace = 5 * time.Second  // clients resume shards by Range, so cutting one off is safe
	writeTimeout  = 20 * time.Minute // no file of ours is larger than a shard, 32 MiB: it is for clients that read nothing
)

func serve(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "address to listen on")
	certFile := flags.String("tls-cert", "", "certificate chain for HTTPS, PEM; with --tls-key")
	keyFile := flags.String("tls-key", "", "its private key, PEM")
	var folders stringList
	flags.Var(&folders, "models", "a packed model, or a folder of packed models; may be repeated")
	var specs, keys stringList
	flags.Var(&specs, "remote", "a server with OpenAI's API that the page may ask, NAME=URL; may be repeated")
	flags.Var(&keys, "remote-key-env", "the environment variable with its key, NAME=VAR, or VAR for all; may be repeated")
	auth := flags.String("remote-auth", "", "the environment variable with the token that visitors need for remote models")
	profile := flags.String("profile", "", "the kernels that pages use without examining the device, as the page's model panel names them")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	if *profile != "" {
		if _, err := shaders.ParseProfile(*profile); err != nil {
			return commandline.UsageError("--profile: %v", err)
		}
	}
	elsewhere, err := parseRemotes(specs, keys, *auth)
	if err != nil {
		return err
	}
	secure, err := tlsConfig(*certFile, *keyFile)
	if err != nil {
		return err
	}
	models, err := findModels(folders)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", *addr, err)
	}
	defer listener.Close()
	local := loopback.Address(listener.Addr())
	if len(elsewhere.upstreams) > 0 && elsewhere.token == "" && !local {
		return commandline.UsageError("--remote on %s needs --remote-auth: whoever reaches it could use your keys", *addr)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	handler, err := newHandler(web.Files(), hosted{models, elsewhere, *profile}, log, local)
	if err != nil {
		return err
	}
	if _, err := fs.Stat(web.Files(), "index.html"); err != nil {
		log.Warn("the page is not built in, only models are served: run make build")
	}
	server := &http.Server{
		Handler:           handler,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       120 * time.Second,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    16 << 10,
	}
	announce(stdout, listener.Addr(), secure != nil, models, elsewhere.upstreams)
	failed := make(chan error, 1)
	go func() {
		if secure == nil {
			failed <- server.Serve(listener)
			return
		}
		server.TLSConfig = secure
		failed <- server.ServeTLS(listener, "", "")
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return nil
}

// remotes are the models elsewhere, and the token that they are kept behind, if any.
type remotes struct {
	upstreams []remote.Upstream
	token     string
}

func parseRemotes(specs, keys []string, auth string) (remotes, error) {
	upstreams, err := remote.Parse(specs, keys)
	if err != nil || auth == "" {
		return remotes{upstreams: upstreams}, err
	}
	if len(upstreams) == 0 {
		return remotes{}, commandline.UsageError("--remote-auth needs --remote")
	}
	token, err := remote.Secret("--remote-auth", auth)
	return remotes{upstreams, token}, err
}

// tlsConfig is nil without a certificate. The files are read once: a renewed certificate needs a restart.
func tlsConfig(certFile, keyFile string) (*tls.Config, error) {
	switch {
	case certFile == "" && keyFile == "":
		return nil, nil
	case certFile == "":
		return nil, commandline.UsageError("--tls-key needs --tls-cert")
	case keyFile == "":
		return nil, commandline.UsageError("--tls-cert needs --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s --tls-key %s: %w", certFile, keyFile, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// findModels opens every model that is to be served: the built-in one, if there is one, and those in the folders; without
// folders, those that were pulled.
func findModels(folders []string) ([]*weights.Model, error) {
	var models []*weights.Model
	folder, pulled := pulledModels()
	model, err := openModel(builtIn)
	switch {
	case err == nil:
		models = append(models, model)
	case !errors.Is(err, fs.ErrNotExist) || len(folders) == 0 && !pulled:
		return nil, err
	}
	for _, folder := range folders {
		found, err := modelsIn(folder)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("--models %s: no packed model there (a folder with %s)", folder, weights.ManifestFile)
		}
		models = append(models, found...)
	}
	if pulled && len(folders) == 0 {
		found, err := modelsIn(folder)
		if err != nil {
			return nil, err
		}
		models = append(models, found...)
	}
	return models, checkNames(models)
}

func modelsIn(folder string) ([]*weights.Model, error) {
	if _, err := os.Stat(filepath.Join(folder, weights.ManifestFile)); err == nil {
		model, err := weights.OpenModel(folder)
		return []*weights.Model{model}, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("--models %s: %w", folder, err)
	}
	var models []*weights.Model
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") { // pack's unfinished work
			continue
		}
		path := filepath.Join(folder, entry.Name())
		if _, err := os.Stat(filepath.Join(path, weights.ManifestFile)); err != nil {
			continue
		}
		model, err := weights.OpenModel(path)
		if err != nil {
			return nil, err
		}
		models = append(models, model)
	}
	return models, nil
}

// checkNames refuses two models that would have the same address.
func checkNames(models []*weights.Model) error {
	seen := map[string]string{}
	for _, m := range models {
		name := modelName(m)
		if other, ok := seen[name]; ok {
			return fmt.Errorf("two models are called %s: %s and %s", name, other, m.Dir)
		}
		seen[name] = m.Dir
	}
	return nil
}

func announce(w io.Writer, addr net.Addr, secure bool, models []*weights.Model, elsewhere []remote.Upstream) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		host, port = addr.String(), ""
	}
	if loopback.Address(addr) {
		host = "localhost"
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	fmt.Fprintf(w, "Tabseek is at %s://%s\n", scheme, net.JoinHostPort(host, port))
	for _, m := range models {
		fmt.Fprintf(w, "  model %s (%s)\n", modelName(m), humanBytes(m.Bytes()))
	}
	for _, u := range elsewhere {
		fmt.Fprintf(w, "  remote %s (what is asked of it leaves this computer)\n", u.Name)
	}
	if !loopback.Address(addr) && !secure {
		fmt.Fprintln(w, "Browsers give WebGPU only to HTTPS and localhost: other machines need --tls-cert and --tls-key, or a TLS proxy in front.")
	}
}
