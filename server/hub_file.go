package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"tabseek/engine/weights"
)

// A remoteFile is a file of a hub, of which any bytes can be read: those of its window, and others by a request of their own.
type remoteFile struct {
	ctx    context.Context
	hub    *hub
	of     *repository
	name   string
	size   int64
	sha256 string

	mu     sync.Mutex
	target *url.URL          // where the hub last sent us for it
	tags   map[string]string // ETags of the hub and of where it sends us
	block  span              // bytes that were read last
	head   []byte            // what was read from the front on: the header, and what came with it
	window span              // bytes that are at hand
}

// A span is bytes of a file from an offset on.
type span struct {
	at   int64
	data io.ReaderAt
	size int64
}

func (s span) read(p []byte, offset int64) bool {
	if s.data == nil || offset < s.at || offset+int64(len(p)) > s.at+s.size {
		return false
	}
	n, _ := s.data.ReadAt(p, offset-s.at)
	return n == len(p)
}

// How much is read at a time where a few bytes are asked for, as of headers: more and more while they follow each other.
const (
	firstBlock = 64 << 10
	lastBlock  = 8 << 20
)

// ReadAt reads bytes, by a request of their own if they are not at hand.
func (f *remoteFile) ReadAt(p []byte, offset int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset >= f.size {
		return 0, io.EOF
	}
	var short error
	if rest := f.size - offset; int64(len(p)) > rest {
		p, short = p[:rest], io.EOF
	}
	head := span{0, bytes.NewReader(f.head), int64(len(f.head))}
	if f.window.read(p, offset) || f.block.read(p, offset) || head.read(p, offset) {
		return len(p), short
	}
	size := int64(firstBlock)
	if f.block.data != nil && offset == f.block.at+f.block.size {
		size = min(2*f.block.size, lastBlock)
	}
	size = min(max(size, int64(len(p))), f.size-offset)
	data := make([]byte, size)
	if _, err := io.ReadFull(f.stream(offset, offset+size), data); err != nil {
		return 0, err
	}
	f.block = span{offset, bytes.NewReader(data), size}
	if offset == int64(len(f.head)) {
		f.head = append(f.head, data...)
	}
	return copy(p, data), short
}

// stream reads the bytes from an offset to another in order; where the connection breaks it goes on.
func (f *remoteFile) stream(from, to int64) *remoteStream {
	return &remoteStream{f: f, at: from, to: to}
}

type remoteStream struct {
	f       *remoteFile
	at, to  int64
	body    io.ReadCloser
	endless bool // the answer is the whole file, and has not said how long it is
}

func (s *remoteStream) Read(p []byte) (n int, err error) {
	if s.at >= s.to {
		s.Close()
		return 0, io.EOF
	}
	if rest := s.to - s.at; int64(len(p)) > rest {
		p = p[:rest]
	}
	err = s.f.hub.retry(s.f.ctx, s.f.name, func() (moved bool, err error) {
		if s.body == nil {
			if s.body, s.endless, err = s.f.open(s.at, s.to); err != nil {
				return s.f.unpinned(err), err
			}
		}
		n, err = s.body.Read(p)
		s.at += int64(n)
		if n > 0 {
			return true, nil
		}
		s.Close()
		if errors.Is(err, io.EOF) && s.endless { // complete, and not cut off
			return false, permanentf("the hub's answer ends after %d bytes, %d were listed: it answers with something else", s.at, s.f.size)
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return false, fmt.Errorf("byte %d: %w", s.at, err)
	})
	return n, err
}

// Close ends the request.
func (s *remoteStream) Close() error {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
	return nil
}

// open begins a request for the bytes from an offset to another. endless is an answer of the whole file that does not say how
// long it is: where it ends, the file does.
func (f *remoteFile) open(from, to int64) (body io.ReadCloser, endless bool, err error) {
	u := f.target
	if u == nil {
		u = f.address()
	}
	response, first, err := f.hub.get(f.ctx, u, fmt.Sprintf("bytes=%d-%d", from, to-1))
	if err != nil {
		f.target = nil
		return nil, false, f.refused(err)
	}
	if err := f.check(response, first, from, to); err != nil {
		response.Body.Close()
		return nil, false, err
	}
	if response.StatusCode == http.StatusOK && from > 0 { // all of it, where a part was asked for
		if _, err := io.CopyN(io.Discard, response.Body, from); err != nil {
			response.Body.Close()
			return nil, false, err
		}
	}
	if final := response.Request.URL; final.Host != f.hub.base.Host {
		f.target = final
	}
	return response.Body, response.StatusCode == http.StatusOK && response.ContentLength < 0, nil
}

// address is where the hub has the file.
func (f *remoteFile) address() *url.URL {
	return f.hub.at(append([]string{f.of.owner, f.of.name, "resolve", f.of.pinned()}, strings.Split(f.name, "/")...)...)
}

// unpinned tells whether the hub has no file at the commit, and asks by the revision's name from now on: a mirror may
// know no other.
func (f *remoteFile) unpinned(err error) bool {
	var status *statusError
	if !errors.As(err, &status) || !status.hub || status.code != http.StatusNotFound || f.of.commit == "" {
		return false
	}
	f.of.commit = ""
	return true
}

// refused says in words what the hub itself refuses for good.
func (f *remoteFile) refused(err error) error {
	var status *statusError
	if errors.As(err, &status) && status.hub && !status.passes() && (status.code != http.StatusNotFound || f.of.commit == "") {
		return permanent{f.hub.explain(f.of, err)}
	}
	return err
}

// check looks whether an answer is of the file that was listed: a hub may answer with a page of its own, or with another
// version.
func (f *remoteFile) check(response *http.Response, first http.Header, from, to int64) error {
	size := response.ContentLength
	if response.StatusCode == http.StatusPartialContent {
		begin, end, whole, err := contentRange(response.Header.Get("Content-Range"))
		if err != nil || begin != from || end >= to {
			return fmt.Errorf("the hub answers with the range %q, bytes %d-%d were asked for", response.Header.Get("Content-Range"), from, to-1)
		}
		size = whole
	} else if kind := response.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") && size != f.size {
		return permanentf("the hub answers with a web page")
	} else if strings.HasPrefix(kind, "application/json") && size < 0 && !strings.HasSuffix(f.name, ".json") {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return permanentf("the hub answers with JSON: %q", text)
	}
	if size >= 0 && f.size >= 0 && size != f.size {
		return permanentf("it has %d bytes now, %d were listed: it has changed, or the hub answers with something else", size, f.size)
	}
	for kind, tag := range map[string]string{"hub": first.Get("X-Linked-Etag"), "file": response.Header.Get("ETag")} {
		tag = strings.TrimPrefix(tag, "W/")
		if old := f.tags[kind]; old != "" && tag != "" && old != tag {
			return permanentf("it has changed while it was fetched (ETag %s, then %s): start again", old, tag)
		}
		if tag != "" {
			if f.tags == nil {
				f.tags = map[string]string{}
			}
			f.tags[kind] = tag
		}
	}
	return nil
}

// contentRange reads "bytes 0-99/1000".
func contentRange(header string) (begin, end, whole int64, err error) {
	rest, ok := strings.CutPrefix(header, "bytes ")
	span, size, ok2 := strings.Cut(rest, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, 0, errors.New("no range")
	}
	begin, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	whole = -1
	if size != "*" {
		whole, err = strconv.ParseInt(size, 10, 64)
	}
	return begin, end, whole, errors.Join(err1, err2, err)
}

// measure finds out the size of a file that the listing leaves out.
func (f *remoteFile) measure() error {
	if f.size >= 0 {
		return nil
	}
	return f.hub.retry(f.ctx, f.name, func() (bool, error) {
		response, _, err := f.hub.get(f.ctx, f.address(), "bytes=0-0")
		if err != nil {
			refused := f.refused(err)
			return f.unpinned(err), refused
		}
		defer response.Body.Close()
		f.size = response.ContentLength
		if response.StatusCode == http.StatusPartialContent {
			_, _, f.size, err = contentRange(response.Header.Get("Content-Range"))
		}
		if err != nil || f.size < 0 {
			return false, permanentf("the hub does not say how large it is")
		}
		return true, nil
	})
}

func (f *remoteFile) setWindow(s span) {
	f.mu.Lock()
	f.window = s
	f.mu.Unlock()
}

// verify compares a file's content with what the hub says of it.
func (f *remoteFile) verify(data []byte) error {
	if sum := sha256.Sum256(data); f.sha256 != "" && hex.EncodeToString(sum[:]) != f.sha256 {
		return permanentf("%s: its SHA-256 is %x, the hub lists %s", f.name, sum, f.sha256)
	}
	return nil
}

// readAll fetches a small file whole.
func (f *remoteFile) readAll(limit int64) ([]byte, error) {
	if f.size > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", f.name, f.size, limit)
	}
	if f.size == 0 {
		return nil, nil
	}
	data := make([]byte, f.size)
	if _, err := io.ReadFull(f.stream(0, f.size), data); err != nil {
		return nil, err
	}
	if err := weights.CheckContent(data); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return data, nil
}
