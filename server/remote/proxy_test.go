package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ask = `{"model":"m","messages":[]}`

// start serves a proxy of one upstream called up, whose key is secret, and returns where the proxy is.
func start(t *testing.T, token string, upstream http.HandlerFunc) string {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	return startTo(t, token, up.URL)
}

func startTo(t *testing.T, token, address string) string {
	t.Helper()
	t.Setenv("UP_KEY", "secret")
	upstreams, err := Parse([]string{"up=" + address}, []string{"UP_KEY"})
	require.NoError(t, err)
	server := httptest.NewServer(newProxy(upstreams, token, slog.New(slog.DiscardHandler), 300*time.Millisecond))
	t.Cleanup(server.Close)
	return server.URL
}

type headers = map[string]string

// request sends one, a POST if it has a body.
func request(t *testing.T, url, body string, header headers) *http.Response {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// requireError demands an error in OpenAI's shape.
func requireError(t *testing.T, r *http.Response, status int, code, message string) {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, status, r.StatusCode, string(text))
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	var answer struct {
		Error struct{ Message, Type, Code string }
	}
	require.NoError(t, json.Unmarshal(text, &answer), string(text))
	require.Equal(t, code, answer.Error.Code)
	require.Contains(t, answer.Error.Message, message)
	require.NotEmpty(t, answer.Error.Type)
}

func TestHandsOn(t *testing.T) {
	var seen *http.Request
	var body []byte
	proxy := start(t, "", func(w http.ResponseWriter, r *http.Request) {
		seen = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Server", "up/1")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		io.WriteString(w, `{"ok":true}`)
	})
	for _, c := range []struct{ path, body string }{{"chat/completions", ask}, {"completions", ask}, {"models", ""}} {
		t.Run(c.path, func(t *testing.T) {
			r := request(t, proxy+"/remote/up/v1/"+c.path+"?x=1", c.body, headers{
				"Content-Type": "application/json", "Authorization": "Bearer mine", "Cookie": "session=1", "X-Api-Key": "mine", "Referer": proxy + "/", "Origin": proxy, "Accept-Encoding": "gzip",
			})
			text, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, `{"ok":true}`, string(text))
			require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
			for _, name := range []string{"Set-Cookie", "Server", "Access-Control-Allow-Origin"} {
				require.Empty(t, r.Header.Get(name), name)
			}
			require.Equal(t, "/v1/"+c.path, seen.URL.Path)
			require.Empty(t, seen.URL.RawQuery)
			require.Equal(t, c.body, string(body))
			want := http.Header{"Authorization": {"Bearer secret"}, "User-Agent": {"tabseek"}, "Content-Type": {"application/json"}}
			if c.body != "" {
				want.Set("Content-Length", fmt.Sprint(len(c.body)))
			}
			require.Equal(t, want, seen.Header)
		})
	}
}

func TestWithoutKey(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "%q", r.Header.Get("Authorization")+r.URL.Path)
	}))
	defer up.Close()
	upstreams, err := Parse([]string{"up=" + up.URL + "/base/"}, nil)
	require.NoError(t, err)
	server := httptest.NewServer(New(upstreams, "", slog.New(slog.DiscardHandler)))
	defer server.Close()
	text, err := io.ReadAll(request(t, server.URL+"/remote/up/v1/models", "", headers{"Authorization": "Bearer mine"}).Body)
	require.NoError(t, err)
	require.Equal(t, `"/base/v1/models"`, string(text))
}

func TestRefuses(t *testing.T) {
	proxy := start(t, "", func(w http.ResponseWriter, r *http.Request) { panic("asked") })
	port := proxy[strings.LastIndex(proxy, ":"):]
	const chat = "/remote/up/v1/chat/completions"
	for _, c := range []struct {
		name, path, body string
		header           headers
		status           int
		code             string
	}{
		{"another upstream", "/remote/down/v1/chat/completions", ask, nil, 404, "not_found"},
		{"none", "/remote/", "", nil, 404, "not_found"},
		{"another endpoint", "/remote/up/v1/embeddings", ask, nil, 404, "not_found"},
		{"one below", "/remote/up/v1/models/m", "", nil, 404, "not_found"},
		{"dots", "/remote/up/v1/models/../../admin", "", nil, 404, "not_found"},
		{"dots, escaped", "/remote/up/v1/%2e%2e/admin", "", nil, 404, "not_found"},
		{"without v1", "/remote/up/chat/completions", ask, nil, 404, "not_found"},
		{"wrong method for chat", chat, "", nil, 405, "method_not_allowed"},
		{"wrong method for models", "/remote/up/v1/models", ask, nil, 405, "method_not_allowed"},
		{"foreign page", chat, ask, headers{"Origin": "https://evil.com"}, 403, "foreign_origin"},
		{"page of no origin", chat, ask, headers{"Origin": "null"}, 403, "foreign_origin"},
		{"page of another port", chat, ask, headers{"Origin": "http://127.0.0.1:1"}, 403, "foreign_origin"},
		{"page of another name of this machine", chat, ask, headers{"Origin": "http://localhost" + port}, 403, "foreign_origin"},
		{"page of another scheme", chat, ask, headers{"Origin": "https://127.0.0.1" + port}, 403, "foreign_origin"},
		{"empty origin", chat, ask, headers{"Origin": ""}, 403, "foreign_origin"},
		{"foreign page's picture", "/remote/up/v1/models", "", headers{"Sec-Fetch-Site": "cross-site"}, 403, "foreign_origin"},
		{"page of another port, by GET", "/remote/up/v1/models", "", headers{"Sec-Fetch-Site": "same-site"}, 403, "foreign_origin"},
		{"by way of a proxy", chat, ask, headers{"X-Forwarded-For": "1.2.3.4"}, 403, "forbidden"},
		{"foreign page, another path", "/remote/x", "", headers{"Origin": "https://evil.com"}, 403, "foreign_origin"},
		{"too large", chat, strings.Repeat("x", maxRequest+1), nil, 413, "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) { requireError(t, request(t, proxy+c.path, c.body, c.header), c.status, c.code, "") })
	}
}

func TestToken(t *testing.T) {
	proxy := start(t, "open sesame", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "%q", r.Header.Get("Authorization"))
	})
	const path = "/remote/up/v1/models"
	for name, header := range map[string]headers{
		"none": nil, "wrong": {"Authorization": "Bearer open"}, "empty": {"Authorization": "Bearer "}, "another scheme": {"Authorization": "Basic open sesame"}, "alone": {"Authorization": "open sesame"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, proxy+path, "", header)
			requireError(t, r, 401, "remote_auth", "token")
			require.Equal(t, `Bearer realm="tabseek"`, r.Header.Get("WWW-Authenticate"))
			requireError(t, request(t, proxy+"/remote/other/v1/models", "", header), 401, "remote_auth", "token")
		})
	}
	for name, header := range map[string]headers{
		"right": {}, "behind a proxy": {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "tabseek.example.org", "Origin": "https://tabseek.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			header["Authorization"] = "Bearer open sesame"
			text, err := io.ReadAll(request(t, proxy+path, "", header).Body)
			require.NoError(t, err)
			require.Equal(t, `"Bearer secret"`, string(text), "the upstream gets its own key")
		})
	}
}

func TestBadAnswers(t *testing.T) {
	answer := func(status int, kind, body string, more ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil // or it would be guessed
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			for i := 0; i < len(more); i += 2 {
				w.Header().Set(more[i], more[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	const html = "text/html; charset=utf-8"
	for _, c := range []struct {
		name          string
		upstream      http.HandlerFunc
		status        int
		code, message string
	}{
		{"a web page", answer(200, html, "<!doctype html>"), 502, "remote_failed", "up answered with a web page"},
		{"a web page that is not found", answer(404, html, "<h1>nothing here</h1>"), 502, "remote_failed", "status 404"},
		{"a web page of an error", answer(503, html, "<h1>busy</h1>"), 502, "remote_failed", "status 503"},
		{"text", answer(200, "text/plain", "hello"), 502, "remote_failed", "text/plain"},
		{"nothing", answer(204, "", ""), 502, "remote_failed", "nothing"},
		{"an error in text", answer(500, "text/plain", "Internal Server Error\n"), 500, "remote_failed", "up: Internal Server Error"},
		{"an error without words", answer(501, "", ""), 501, "remote_failed", "nothing"},
		{"too many, as a web page", answer(429, html, "<h1>slow down</h1>", "Retry-After", "7"), 429, "rate_limited", "too many"},
		{"a redirect", answer(302, "", "", "Location", "http://169.254.169.254/"), 502, "remote_failed", "elsewhere"},
		{"a redirect that keeps the method", answer(308, "", "", "Location", "/v1/completions"), 502, "remote_failed", "status 308"},
		{"half a header", hangUp("HTTP/1.1 200 OK\r\nContent-Ty"), 502, "remote_unreachable", "no answer"},
		{"not HTTP", hangUp("SSH-2.0-OpenSSH\r\n"), 502, "remote_unreachable", "no answer"},
		{"nothing, ever", silence, 504, "remote_timeout", "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t, start(t, "", c.upstream)+"/remote/up/v1/chat/completions", ask, nil)
			requireError(t, r, c.status, c.code, c.message)
			require.Empty(t, r.Header.Get("Location"))
		})
	}
	t.Run("away", func(t *testing.T) {
		up := httptest.NewServer(nil)
		up.Close()
		requireError(t, request(t, startTo(t, "", up.URL)+"/remote/up/v1/models", "", nil), 502, "remote_unreachable", "up cannot be reached")
	})
	t.Run("of no such name", func(t *testing.T) {
		requireError(t, request(t, startTo(t, "", "http://up.invalid")+"/remote/up/v1/models", "", nil), 502, "remote_unreachable", "up cannot be reached")
	})
}

// silence reads the request, without which nobody learns that a client is gone, and waits for that.
func silence(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// hangUp answers with what is no HTTP.
func hangUp(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(connection, text)
		connection.Close()
	}
}

// Errors that are JSON are the upstream's own, and so is when to ask again.
func TestErrorsPass(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		const body = `{"error":{"message":"as asked"}}`
		proxy := start(t, "", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "7")
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
		r := request(t, proxy+"/remote/up/v1/chat/completions", ask, nil)
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, status, r.StatusCode)
		require.Equal(t, body, string(text))
		require.Equal(t, "7", r.Header.Get("Retry-After"))
		require.Empty(t, r.Header.Get("WWW-Authenticate"), "the upstream's key is no affair of the browser's")
	}
}

// stream writes an event whenever one comes, until there are no more.
func stream(events <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range events {
			fmt.Fprintf(w, "data: %s\n\n", event)
			http.NewResponseController(w).Flush()
		}
	}
}

// Each event arrives before the next is made.
func TestStreams(t *testing.T) {
	events := make(chan string)
	go func() { events <- "0" }()
	r := request(t, start(t, "", stream(events))+"/remote/up/v1/chat/completions", ask, nil)
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	lines := bufio.NewScanner(r.Body)
	for i := range 50 {
		require.True(t, lines.Scan())
		require.Equal(t, fmt.Sprintf("data: %d", i), lines.Text())
		require.True(t, lines.Scan())
		require.Empty(t, lines.Text())
		if i < 49 {
			events <- fmt.Sprint(i + 1)
		}
	}
	close(events)
	require.False(t, lines.Scan())
	require.NoError(t, lines.Err())
}

// A stream that breaks off does not look like one that ends.
func TestHalfAStream(t *testing.T) {
	proxy := start(t, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 0\n\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	text, err := io.ReadAll(request(t, proxy+"/remote/up/v1/chat/completions", ask, nil).Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "data: 0\n\n", string(text))
}

// Whoever stops, in the middle of an answer or before, stops the upstream.
func TestCancels(t *testing.T) {
	for _, begun := range []bool{true, false} {
		t.Run(fmt.Sprintf("begun %t", begun), func(t *testing.T) {
			asked, gone := make(chan bool), make(chan bool)
			proxy := start(t, "", func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if begun {
					w.Header().Set("Content-Type", "text/event-stream")
					http.NewResponseController(w).Flush()
				}
				close(asked)
				<-r.Context().Done()
				close(gone)
			})
			ctx, cancel := context.WithCancel(context.Background())
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, proxy+"/remote/up/v1/chat/completions", strings.NewReader(ask))
			require.NoError(t, err)
			go func() {
				if response, err := http.DefaultClient.Do(r); err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}()
			select {
			case <-asked:
			case <-time.After(5 * time.Second):
				t.Fatal("the upstream was not asked")
			}
			cancel()
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Fatal("a second later, the upstream still works")
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Setenv("KEY_A", " a \n")
	t.Setenv("KEY_B", "b")
	t.Setenv("EMPTY", "")
	t.Setenv("CONTROL", "a\x01b")
	two := []string{"a=http://one:8000", "b.2=https://two/base/"}
	upstreams, err := Parse(two, []string{"a=KEY_A", "KEY_B"})
	require.NoError(t, err)
	require.Equal(t, []string{"a http://one:8000 a /remote/a", "b.2 https://two/base b /remote/b.2"}, []string{
		fmt.Sprint(upstreams[0].Name, " ", upstreams[0].url, " ", upstreams[0].key, " ", upstreams[0].Path()),
		fmt.Sprint(upstreams[1].Name, " ", upstreams[1].url, " ", upstreams[1].key, " ", upstreams[1].Path()),
	})
	for _, c := range []struct {
		name        string
		specs, keys []string
		want        string
	}{
		{"no name", []string{"http://one"}, nil, "must be NAME=URL"},
		{"empty name", []string{"=http://one"}, nil, "must be NAME=URL"},
		{"a path for a name", []string{"../x=http://one"}, nil, "must be NAME=URL"},
		{"no address", []string{"a="}, nil, "must be an address"},
		{"a file", []string{"a=file:///etc/passwd"}, nil, "must be an address"},
		{"no host", []string{"a=http://:80"}, nil, "must be an address"},
		{"a key in it", []string{"a=http://user:pass@one"}, nil, "--remote-key-env"},
		{"a query", []string{"a=http://one?x=1"}, nil, "query"},
		{"with /v1", []string{"a=http://one/v1/"}, nil, "without /v1"},
		{"twice", []string{"a=http://one", "a=http://two"}, nil, "two of that name"},
		{"a key for nobody", nil, []string{"KEY_A"}, "needs --remote"},
		{"a key for another", two, []string{"c=KEY_A"}, "no --remote of that name"},
		{"an empty key", two, []string{"a=EMPTY"}, "that variable is empty"},
		{"no such variable", two, []string{"NO_SUCH_VARIABLE"}, "that variable is empty"},
		{"a key that is none", two, []string{"CONTROL"}, "no HTTP header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.specs, c.keys)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// BenchmarkStream measures what the proxy adds to an event's way, beside the way without it.
func BenchmarkStream(b *testing.B) {
	for _, by := range []string{"direct", "proxied"} {
		b.Run(by, func(b *testing.B) {
			events := make(chan string, 1)
			up := httptest.NewServer(stream(events))
			defer up.Close()
			upstreams, err := Parse([]string{"up=" + up.URL}, nil)
			require.NoError(b, err)
			server := httptest.NewServer(New(upstreams, "", slog.New(slog.DiscardHandler)))
			defer server.Close()
			address := up.URL + "/v1/chat/completions"
			if by == "proxied" {
				address = server.URL + "/remote/up/v1/chat/completions"
			}
			events <- "0"
			r, err := http.Post(address, "application/json", strings.NewReader(ask))
			require.NoError(b, err)
			lines := bufio.NewScanner(r.Body)
			lines.Scan()
			lines.Scan()
			for b.Loop() {
				events <- "1"
				lines.Scan()
				lines.Scan()
			}
			close(events)
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		})
	}
}
