package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/weights"
)

// syncBuffer is a buffer that the server's goroutines may share with the test.
type syncBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

// startServer runs serve until stop, which returns the exit status.
func startServer(t *testing.T, args ...string) (address string, stderr *syncBuffer, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	stderr = &syncBuffer{}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), nil, in, stderr)
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, stderr)
	go io.Copy(io.Discard, out)
	_, address, ok := strings.Cut(strings.TrimSpace(line), "Tabseek is at ")
	require.True(t, ok, line)
	t.Cleanup(cancel)
	return address, stderr, func() int { cancel(); return <-done }
}

func TestServe(t *testing.T) {
	dir := packTiny(t)
	address, stderr, stop := startServer(t, "--models", dir)
	require.True(t, strings.HasPrefix(address, "http://localhost:"), address)
	shard := filepath.Base(shardsOf(t, dir)[0])
	want, err := os.ReadFile(filepath.Join(dir, shard))
	require.NoError(t, err)
	for path, content := range map[string]string{"/healthz": "ok\n", "/models/tiny/" + shard: string(want)} {
		r, err := http.Get(address + path)
		require.NoError(t, err)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, content, string(body))
	}
	r, err := http.Get(address + "/models/index.json")
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Contains(t, string(body), `"url":"/models/tiny"`)

	require.Zero(t, stop())
	_, err = http.Get(address + "/healthz")
	require.Error(t, err)
	require.Contains(t, stderr.String(), "path=/healthz status=200")
}

// Requests that never reach the handler: what net/http itself must refuse.
func TestServeRefuses(t *testing.T) {
	address, _, stop := startServer(t, "--models", packTiny(t))
	defer stop()
	host := strings.TrimPrefix(address, "http://")
	for _, c := range []struct{ name, request, want string }{
		{"huge header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20), "431"},
		{"not HTTP", "hello\r\n\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"no host, old protocol", "GET / HTTP/1.0\r\n\r\n", "403"},
		{"encoded dots", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		{"dots", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		{"a null byte", "GET /models/tiny/model.json%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		{"another site's address", "GET http://evil.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			connection, err := net.Dial("tcp", host)
			require.NoError(t, err)
			defer connection.Close()
			require.NoError(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
			go io.WriteString(connection, c.request) // the server may hang up before it has all
			line, err := bufio.NewReader(connection).ReadString('\n')
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(line, "HTTP/1.") && strings.Contains(line, " "+c.want+" "), line)
		})
	}
}

// A connection that is open does not keep the server from stopping.
func TestServeStopsInTime(t *testing.T) {
	address, _, stop := startServer(t, "--models", packTiny(t))
	connection, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "GET / HTTP/1.1\r\n") // and never the rest
	require.NoError(t, err)
	start := time.Now()
	require.Zero(t, stop())
	require.Less(t, time.Since(start), shutdownGrace+2*time.Second)
}

func TestServeFails(t *testing.T) {
	model := packTiny(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	twins := t.TempDir() + "/tiny"
	require.Zero(t, command("", "pack", checkpointWith(t, nil), twins).Status)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"port in use", []string{"--models", model, "--addr", taken.Addr().String()}, "cannot listen on " + taken.Addr().String()},
		{"not an address", []string{"--models", model, "--addr", "127.0.0.1:99999"}, "cannot listen on 127.0.0.1:99999"},
		{"no port", []string{"--models", model, "--addr", "localhost"}, "cannot listen on localhost"},
		{"no such folder", []string{"--models", "no-such-folder"}, "--models no-such-folder"},
		{"no model in it", []string{"--models", t.TempDir()}, "no packed model there"},
		{"two of one name", []string{"--models", model, "--models", twins}, "two models are called tiny"},
		{"a remote's key is empty", []string{"--models", model, "--remote", "a=http://a", "--remote-key-env", "NO_SUCH_VARIABLE"}, "--remote-key-env NO_SUCH_VARIABLE"},
		{"the token is empty", []string{"--models", model, "--remote", "a=http://a", "--remote-auth", "NO_SUCH_VARIABLE"}, "--remote-auth NO_SUCH_VARIABLE"},
		{"no such certificate", []string{"--models", model, "--tls-cert", "no.pem", "--tls-key", "no.key"}, "--tls-cert no.pem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireFailure(t, command("", append([]string{"serve"}, c.args...)...), 1, "serve", c.want)
		})
	}
}

func TestServeUsage(t *testing.T) {
	for _, flag := range []string{"--tls-cert", "--tls-key"} {
		requireFailure(t, command("", "serve", flag, "file.pem"), 2, "serve", flag+" needs --tls-")
	}
	for want, args := range map[string][]string{
		"--remote http://a: must be NAME=URL":  {"--remote", "http://a"},
		"--remote-auth needs --remote":         {"--remote-auth", "PATH"},
		`--profile: profile "fast"`:            {"--profile", "fast"},
		"--remote-key-env needs --remote":      {"--remote-key-env", "PATH"},
		"on 0.0.0.0:0 needs --remote-auth":     {"--models", packTiny(t), "--addr", "0.0.0.0:0", "--remote", "a=http://a"},
		"--remote a: there are two of that":    {"--remote", "a=http://a", "--remote", "a=http://b"},
		"--remote-key-env b=PATH: there is no": {"--remote", "a=http://a", "--remote-key-env", "b=PATH"},
	} {
		requireFailure(t, command("", append([]string{"serve"}, args...)...), 2, "serve", want)
	}
}

func TestServeTLS(t *testing.T) {
	cert, key := certificate(t)
	address, _, stop := startServer(t, "--models", packTiny(t), "--tls-cert", cert, "--tls-key", key)
	require.True(t, strings.HasPrefix(address, "https://localhost:"), address)
	chain, err := os.ReadFile(cert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(chain))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get(address + "/healthz")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, 2, r.ProtoMajor)
	require.Zero(t, stop())
}

// The page's own server hands on what is asked of a remote model, and lists it under its name alone.
func TestServeRemote(t *testing.T) {
	asked := 0
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"data":[]}`)
	}))
	defer up.Close()
	t.Setenv("BIG_KEY", "secret key of big")
	address, stderr, stop := startServer(t, "--models", packTiny(t), "--remote", "big="+up.URL, "--remote-key-env", "BIG_KEY")
	get := func(path string) (int, string) {
		r, err := http.Get(address + path)
		require.NoError(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, contentSecurityPolicy, r.Header.Get("Content-Security-Policy"))
		return r.StatusCode, string(body)
	}
	_, list := get("/models/index.json")
	require.Contains(t, list, `"remotes":[{"name":"big","url":"/remote/big"}]`)
	for _, secret := range []string{up.URL, strings.TrimPrefix(up.URL, "http://"), "secret"} {
		require.NotContains(t, list, secret)
	}
	require.Zero(t, asked, "nobody has chosen it yet")
	status, models := get("/remote/big/v1/models")
	require.Equal(t, 200, status)
	require.Equal(t, `{"data":[]}`, models)
	status, _ = get("/remote/other/v1/models")
	require.Equal(t, 404, status)
	require.Zero(t, stop())
	require.NotContains(t, stderr.String(), "secret")
}

// certificate makes one for localhost, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return certFile, keyFile
}

func TestHealth(t *testing.T) {
	address, _, stop := startServer(t, "--models", packTiny(t))
	require.Zero(t, command("", "health", address).Status)
	require.Zero(t, stop())
	requireFailure(t, command("", "health", address), 1, "health", "refused")
}

func TestFindModels(t *testing.T) {
	model := packTiny(t)
	folder := filepath.Dir(model)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "empty"), 0o755))
	require.NoError(t, os.Rename(packTiny(t), filepath.Join(folder, "other")))
	require.NoError(t, os.Rename(packTiny(t), filepath.Join(folder, ".other.packing-123.old")))
	names := func(args ...string) []string {
		models, err := findModels(args)
		require.NoError(t, err)
		var names []string
		for _, m := range models {
			if m.Dir != builtIn {
				names = append(names, modelName(m))
			}
		}
		return names
	}
	require.Equal(t, []string{"other", "tiny"}, names(folder))
	require.Equal(t, []string{"tiny"}, names(model))
	require.Equal(t, []string{"tiny", "other"}, names(model, filepath.Join(folder, "other")))
	t.Chdir(model)
	require.Equal(t, []string{"tiny"}, names("."), "a folder has a name however it is given")
	require.FileExists(t, weights.ManifestFile)
}
