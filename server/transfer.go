package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tabseek/engine/weights"
	"tabseek/server/commandline"
)

// A transfer fetches the files of a model from front to back and packs what they hold as it comes. Only one tensor is kept,
// and what is packed.
type transfer struct {
	*puller
	plan     *weights.Plan
	assembly *weights.Assembly
	bar      *commandline.Progress

	place   place
	hash    hash.Hash // of the file in hand
	fetched int64     // bytes of all files
	synced  time.Time
}

// A place is how far a transfer has come; the journal holds it.
type place struct {
	Fingerprint string `json:"fingerprint"`
	File        int    `json:"file"`
	Offset      int64  `json:"offset"`
	Hash        []byte `json:"hash"` // the state of the SHA-256 of the file so far
}

const (
	journalFile = "journal.json"
	// windowInMemory is the largest tensor that is kept in memory; larger ones lie in a file.
	windowInMemory = 32 << 20
	// syncEvery is how much time what is fetched may be lost for by a crash.
	syncEvery = 5 * time.Second
)

func (t *transfer) run() (*weights.Manifest, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	var err error
	if t.assembly, err = weights.NewAssembly(t.plan, t.inventory, t.staging); err != nil {
		return nil, err
	}
	for t.place.File < len(t.files) {
		if err := t.file(t.files[t.place.File]); err != nil {
			if t.ctx.Err() != nil { // what came so far is not lost
				err = errors.Join(t.ctx.Err(), t.sync())
			}
			return nil, err
		}
		t.place.File, t.place.Offset = t.place.File+1, 0
		t.hash = sha256.New()
		if err := t.moved(0); err != nil {
			return nil, err
		}
		if err := t.sync(); err != nil {
			return nil, err
		}
	}
	t.bar.Done()
	return t.assembly.Finish(t.ctx, t.checkpoint.seed, t.dst, t.force)
}

// begin reads the journal of a transfer that was broken off, if it was of the same model and plan.
func (t *transfer) begin() error {
	print, err := t.fingerprint(t.plan)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(print)
	own := place{Fingerprint: hex.EncodeToString(sum[:])}
	t.hash, t.synced = sha256.New(), time.Now()
	var old place
	data, err := os.ReadFile(filepath.Join(t.staging, journalFile))
	if err == nil && json.Unmarshal(data, &old) == nil && old.Fingerprint == own.Fingerprint && t.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(old.Hash) == nil {
		t.place = old
		for _, f := range t.files[:min(old.File, len(t.files))] {
			t.fetched += f.size
		}
		t.fetched += old.Offset
		t.bar.Begin(t.fetched)
		return nil
	}
	t.place, t.hash = own, sha256.New()
	if err := t.moved(0); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(t.staging, "model"))
}

// moved says that so many bytes more of the file are dealt with: all that the hash has seen.
func (t *transfer) moved(bytes int64) (err error) {
	t.place.Offset += bytes
	t.place.Hash, err = t.hash.(encoding.BinaryMarshaler).MarshalBinary()
	return err
}

// sync brings what is packed to the disk, and then the place to the journal.
func (t *transfer) sync() error {
	if err := t.assembly.Sync(); err != nil {
		return err
	}
	data, err := json.Marshal(t.place)
	if err != nil {
		return err
	}
	t.synced = time.Now()
	journal := filepath.Join(t.staging, journalFile)
	if err := os.WriteFile(journal+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(journal+".new", journal)
}

// file fetches what is left of a file.
func (t *transfer) file(f *remoteFile) error {
	var tensors []*weights.SourceTensor
	for _, tensor := range t.inventory.Tensors() {
		if tensor.File == f.name && tensor.Offset >= t.place.Offset && t.assembly.Needs(tensor.Name) {
			tensors = append(tensors, tensor)
		}
	}
	slices.SortFunc(tensors, func(a, b *weights.SourceTensor) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	head := f.head[min(t.place.Offset, int64(len(f.head))):] // which is here since the header was read
	stream := f.stream(t.place.Offset+int64(len(head)), f.size)
	defer stream.Close()
	in := &countingReader{io.MultiReader(bytes.NewReader(head), stream), t}
	for _, tensor := range tensors {
		if err := t.skip(in, tensor.Offset); err != nil {
			return err
		}
		if err := t.tensor(f, tensor, in); err != nil {
			return err
		}
		if time.Since(t.synced) > syncEvery {
			if err := t.sync(); err != nil {
				return err
			}
		}
	}
	if err := t.skip(in, f.size); err != nil {
		return err
	}
	if got := hex.EncodeToString(t.hash.Sum(nil)); f.sha256 != "" && got != f.sha256 {
		return permanentf("%s: %s: its SHA-256 is %s, the hub lists %s", t.repository, f.name, got, f.sha256)
	}
	return nil
}

// skip reads on to an offset.
func (t *transfer) skip(in io.Reader, offset int64) error {
	n, err := io.CopyN(t.hash, in, offset-t.place.Offset)
	return cmp.Or(line(err), t.moved(n))
}

// line marks an error as the connection's.
func line(err error) error {
	var status *statusError
	var never permanent
	if err == nil || errors.As(err, &status) || errors.As(err, &never) {
		return err
	}
	return fmt.Errorf("%w: %w", errLine, err)
}

// tensor reads a tensor and packs it.
func (t *transfer) tensor(f *remoteFile, tensor *weights.SourceTensor, in io.Reader) error {
	size := tensor.Bytes()
	from := io.TeeReader(io.LimitReader(in, size), t.hash)
	var data io.ReaderAt
	if size <= windowInMemory {
		buffer := make([]byte, size)
		if _, err := io.ReadFull(from, buffer); err != nil {
			return line(err)
		}
		data = bytes.NewReader(buffer)
	} else {
		window, err := os.CreateTemp(t.staging, "tensor-*")
		if err != nil {
			return err
		}
		defer os.Remove(window.Name())
		defer window.Close()
		if n, err := io.Copy(window, from); err != nil || n < size {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return line(err)
		}
		data = window
	}
	f.setWindow(span{tensor.Offset, data, size})
	defer f.setWindow(span{})
	if err := t.assembly.Add(t.ctx, tensor.Name); err != nil {
		return err
	}
	return t.moved(size)
}

// countingReader tells the progress bar what comes.
type countingReader struct {
	io.Reader
	t *transfer
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.t.fetched += int64(n)
	c.t.bar.Show(c.t.fetched)
	return n, err
}
