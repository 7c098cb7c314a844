package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxRedirects = 10
	maxListing   = 64 << 20
	// attempts in a row that bring nothing; what brings something starts counting anew.
	maxAttempts = 10
	firstPause  = 100 * time.Millisecond
	maxPause    = 30 * time.Second
	maxAsked    = 5 * time.Minute // of a pause that the hub asks for
)

// A hub is a place that has models, in the way of Hugging Face's.
type hub struct {
	base   *url.URL
	token  string // goes to the hub itself, never to where it sends us
	client *http.Client
	pause  func(context.Context, time.Duration) error
	say    func(format string, args ...any) // what a person may want to know while waiting
}

func newHub(base, token string, say func(string, ...any)) (*hub, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is no address of a hub", base)
	}
	// A token in the clear is a token given away.
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		token = ""
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	transport.DisableCompression = true // sizes and ranges are of the files themselves
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &hub{u, token, client, pause, say}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// at is an address of the hub, of path elements that are escaped here.
func (h *hub) at(elements ...string) *url.URL {
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return h.base.JoinPath(elements...)
}

// A statusError is an answer of the hub, or of where it sends us, that brings nothing.
type statusError struct {
	code  int
	hub   bool          // the hub's own
	after time.Duration // to wait, if it says so
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the hub answers %d %s", e.code, http.StatusText(e.code))
}

// passes tells whether trying again may help.
func (e *statusError) passes() bool {
	return e.code == http.StatusTooManyRequests || e.code == http.StatusRequestTimeout || e.code >= 500 || e.expired()
}

// expired tells whether it is a signed address, whose time is over, that was refused.
func (e *statusError) expired() bool {
	return !e.hub && (e.code == http.StatusForbidden || e.code == http.StatusUnauthorized || e.code == http.StatusGone || e.code == http.StatusNotFound)
}

// get asks for an address, or some bytes of what is there, and goes where it is sent. The last address is the answer's.
func (h *hub) get(ctx context.Context, u *url.URL, ranges string) (*http.Response, http.Header, error) {
	first := http.Header{} // of the hub's own answer, if it sends us away
	for hop := range maxRedirects {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, nil, err
		}
		request.Header.Set("User-Agent", "tabseek")
		if ranges != "" {
			request.Header.Set("Range", ranges)
		}
		own := u.Scheme == h.base.Scheme && u.Host == h.base.Host
		if own && h.token != "" {
			request.Header.Set("Authorization", "Bearer "+h.token)
		}
		response, err := h.client.Do(request)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case response.StatusCode == http.StatusOK || response.StatusCode == http.StatusPartialContent:
			return response, first, nil
		case response.StatusCode >= 300 && response.StatusCode < 400:
			response.Body.Close()
			next, err := u.Parse(response.Header.Get("Location"))
			if err != nil || response.Header.Get("Location") == "" || next.Scheme != "https" && next.Scheme != "http" {
				return nil, nil, fmt.Errorf("the hub sends us to %q", response.Header.Get("Location"))
			}
			if u.Scheme == "https" && next.Scheme == "http" {
				return nil, nil, fmt.Errorf("the hub sends us from https to %s://%s", next.Scheme, next.Host)
			}
			if own {
				first = response.Header
			}
			u = next
		default:
			_, _ = io.CopyN(io.Discard, response.Body, 1<<16)
			response.Body.Close()
			return nil, nil, &statusError{response.StatusCode, own && hop == 0, retryAfter(response.Header)}
		}
	}
	return nil, nil, fmt.Errorf("the hub sends us around more than %d times", maxRedirects)
}

// retryAfter reads how long the hub wants us to wait: seconds, or a date.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}

// permanent is an error that trying again does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func permanentf(format string, args ...any) error { return permanent{fmt.Errorf(format, args...)} }

// retry calls try until it succeeds, or fails for good, or has failed often without getting anywhere: try says whether it
// has. Between two attempts is a pause that grows and has some chance in it, or that the hub asks for.
func (h *hub) retry(ctx context.Context, what string, try func() (moved bool, err error)) error {
	failures, tries, wait := 0, 0, firstPause
	for {
		tries++
		moved, err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var never permanent
		var status *statusError
		if errors.As(err, &never) || errors.As(err, &status) && !status.passes() && !moved {
			return fmt.Errorf("%s: %w", what, err)
		}
		if moved {
			failures, tries, wait = 0, 1, firstPause
		}
		if failures++; failures >= maxAttempts {
			return fmt.Errorf("%s: tried %d times: %w", what, tries, err)
		}
		if nobodyThere(err) { // which seldom changes soon
			failures += 2
		}
		rest := wait/2 + rand.N(wait/2)
		if status != nil && status.after > 0 {
			rest = min(status.after, maxAsked)
		}
		if status != nil && status.expired() {
			rest = 0 // the next attempt asks the hub for a new address
		}
		if rest > 2*time.Second {
			h.say("%s: %v; going on in %s", what, err, rest.Round(time.Second))
		}
		if err := h.pause(ctx, rest); err != nil {
			return err
		}
		wait = min(2*wait, maxPause)
	}
}

// nobodyThere tells whether no hub is where it was looked for.
func nobodyThere(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dns) && dns.IsNotFound
}

// getJSON asks the hub for a description.
func (h *hub) getJSON(ctx context.Context, u *url.URL, what string, to any) (next *url.URL, err error) {
	err = h.retry(ctx, what, func() (bool, error) {
		response, _, err := h.get(ctx, u, "")
		if err != nil {
			return false, err
		}
		defer response.Body.Close()
		data, err := io.ReadAll(io.LimitReader(response.Body, maxListing+1))
		if err != nil {
			return false, err
		}
		if len(data) > maxListing {
			return false, permanentf("its answer is longer than %d bytes", maxListing)
		}
		if err := json.Unmarshal(data, to); err != nil {
			return false, permanentf("its answer is no JSON: %w", err)
		}
		next = linked(u, response.Header.Get("Link"))
		return true, nil
	})
	return next, err
}

// linked is the address of the next page of a listing.
func linked(from *url.URL, header string) *url.URL {
	for _, link := range strings.Split(header, ",") {
		address, parameters, ok := strings.Cut(strings.TrimSpace(link), ";")
		if !ok || !strings.Contains(parameters, `rel="next"`) {
			continue
		}
		if next, err := from.Parse(strings.Trim(address, "<>")); err == nil && next.Host == from.Host {
			return next
		}
	}
	return nil
}

// A repository is what a hub says of a model.
type repository struct {
	owner, name string
	revision    string // as it was asked for
	commit      string // of that revision, if the hub says it
	license     string
	files       map[string]listedFile
}

// listedFile is a file of a repository; what the hub does not say is negative or empty.
type listedFile struct {
	size   int64
	sha256 string
}

// described is what both ways of listing say of a file; its SHA-256 has another name in each.
type described struct {
	Size *int64 `json:"size"`
	LFS  *struct {
		SHA256 string `json:"sha256"`
		OID    string `json:"oid"`
		Size   *int64 `json:"size"`
	} `json:"lfs"`
}

func (d described) file() listedFile {
	f := listedFile{size: -1}
	if d.Size != nil {
		f.size = *d.Size
	}
	if d.LFS != nil {
		f.sha256 = strings.ToLower(strings.TrimPrefix(cmp.Or(d.LFS.SHA256, d.LFS.OID), "sha256:"))
		if d.LFS.Size != nil {
			f.size = *d.LFS.Size
		}
	}
	return f
}

func (r *repository) String() string { return r.owner + "/" + r.name }

// maxRepositoryFiles bounds a listing.
const maxRepositoryFiles = 1 << 17

// defaultRevision is the one that is pulled where none is named.
const defaultRevision = "main"

// list asks a hub for the files of a model.
func (h *hub) list(ctx context.Context, owner, name, revision string) (*repository, error) {
	r := &repository{owner: owner, name: name, revision: revision, files: map[string]listedFile{}}
	var info struct {
		SHA      string `json:"sha"`
		CardData struct {
			License any `json:"license"`
		} `json:"cardData"`
		Tags     []string `json:"tags"`
		Siblings []struct {
			Path string `json:"rfilename"`
			described
		} `json:"siblings"`
	}
	u := h.at("api", "models", owner, name, "revision", revision)
	u.RawQuery = "blobs=true"
	_, err := h.getJSON(ctx, u, r.String(), &info)
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		if h.listTree(ctx, r) == nil {
			return r, nil // a hub that has the other way alone
		}
		if revision == defaultRevision { // or none but its latest
			u = h.at("api", "models", owner, name)
			u.RawQuery = "blobs=true"
			if _, again := h.getJSON(ctx, u, r.String(), &info); again == nil {
				err = nil
			}
		}
	}
	if err != nil {
		return nil, h.explain(r, err)
	}
	r.commit = info.SHA
	r.license = licenseOf(info.CardData.License, info.Tags)
	complete := len(info.Siblings) > 0
	for _, s := range info.Siblings {
		f := s.file()
		complete = complete && f.size >= 0
		if err := r.add(s.Path, f); err != nil {
			return nil, err
		}
	}
	if complete {
		return r, nil
	}
	return r, h.listTree(ctx, r)
}

// listTree asks for the files by the hub's other way, which is in pages.
func (h *hub) listTree(ctx context.Context, r *repository) error {
	next := h.at("api", "models", r.owner, r.name, "tree", r.pinned())
	next.RawQuery = "recursive=true"
	for next != nil {
		var page []struct {
			Type string `json:"type"`
			Path string `json:"path"`
			described
		}
		var err error
		if next, err = h.getJSON(ctx, next, r.String(), &page); err != nil {
			var status *statusError
			if errors.As(err, &status) && status.code == http.StatusNotFound && len(r.files) > 0 {
				return nil // the sizes are found out file by file
			}
			return h.explain(r, err)
		}
		for _, e := range page {
			if e.Type != "file" {
				continue
			}
			if err := r.add(e.Path, e.file()); err != nil {
				return err
			}
		}
	}
	return nil
}

// add lists a file, unless its name leads elsewhere.
func (r *repository) add(name string, f listedFile) error {
	if len(r.files) >= maxRepositoryFiles {
		return fmt.Errorf("%s: more than %d files", r, maxRepositoryFiles)
	}
	if name == "" || path.Clean(name) != name || path.IsAbs(name) || strings.HasPrefix(name, "../") || name == ".." || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%s: the hub lists a file %.200q, which is no name in a repository", r, name)
	}
	r.files[name] = f
	return nil
}

// pinned is the revision that files are asked for by: the commit, so that all are of one.
func (r *repository) pinned() string {
	if r.commit != "" {
		return r.commit
	}
	return r.revision
}

// licenseOf is the license of a model's card, or of its tags.
func licenseOf(card any, tags []string) string {
	if text, ok := card.(string); ok && text != "" {
		return text
	}
	for _, tag := range tags {
		if license, ok := strings.CutPrefix(tag, "license:"); ok {
			return license
		}
	}
	return ""
}

// explain says in words what a hub means by its refusal.
func (h *hub) explain(r *repository, err error) error {
	var status *statusError
	if !errors.As(err, &status) || !status.hub {
		return err
	}
	page := h.at(r.owner, r.name)
	switch {
	case status.code == http.StatusUnauthorized && h.token == "":
		return fmt.Errorf("%s: it is gated, private or not there (401): set HF_TOKEN to a token of somebody who may read it (%s)", r, page)
	case status.code == http.StatusUnauthorized:
		return fmt.Errorf("%s: the hub does not accept the token in HF_TOKEN (401)", r)
	case status.code == http.StatusForbidden && h.token == "":
		return fmt.Errorf("%s: it is gated (403): accept its terms at %s and set HF_TOKEN to your token", r, page)
	case status.code == http.StatusForbidden:
		return fmt.Errorf("%s: the token in HF_TOKEN may not read it (403): accept its terms at %s", r, page)
	case status.code == http.StatusNotFound:
		return fmt.Errorf("%s: not there at revision %s (404)", r, r.revision)
	}
	return err
}
