package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
)

// shardWriter cuts the bytes of the buffers, which come in order, into files
// named by their hashes.
type shardWriter struct {
	dir       string
	shardSize int64
	buffers   []BufferSpec
	shards    []Shard

	buffer int   // where the next byte goes
	offset int64 // within the buffer
	file   *os.File
	start  int64 // offset of the open shard
	hash   hash.Hash

	flushing chan error // brings the result of flushing the shard before; nil when there is none
}

// zeros pads.
var zeros [64 << 10]byte

// seek writes zeros up to an offset of a buffer, which lies ahead or here.
func (w *shardWriter) seek(buffer int, offset int64) error {
	for w.buffer < buffer {
		if err := w.pad(w.buffers[w.buffer].Size); err != nil {
			return err
		}
		w.buffer, w.offset = w.buffer+1, 0
	}
	return w.pad(offset)
}

func (w *shardWriter) pad(offset int64) error {
	for w.offset < offset {
		n := min(offset-w.offset, int64(len(zeros)))
		if err := w.write(zeros[:n]); err != nil {
			return err
		}
	}
	return nil
}

// write appends bytes to the current buffer.
func (w *shardWriter) write(p []byte) error {
	if err := w.append(p); err != nil {
		return fmt.Errorf("weights: shard %d: %w", len(w.shards), err)
	}
	return nil
}

func (w *shardWriter) append(p []byte) error {
	if w.offset+int64(len(p)) > w.buffers[w.buffer].Size {
		return fmt.Errorf("%d bytes do not fit into buffer %d", len(p), w.buffer)
	}
	for len(p) > 0 {
		if w.file == nil {
			f, err := os.Create(filepath.Join(w.dir, fmt.Sprintf("open-shard-%d", len(w.shards))))
			if err != nil {
				return err
			}
			w.file, w.start, w.hash = f, w.offset, sha256.New()
		}
		n := min(int64(len(p)), w.start+w.shardSize-w.offset)
		if _, err := w.file.Write(p[:n]); err != nil {
			return err
		}
		w.hash.Write(p[:n])
		w.offset += n
		p = p[n:]
		if w.offset == w.start+w.shardSize || w.offset == w.buffers[w.buffer].Size {
			if err := w.closeShard(); err != nil {
				return err
			}
		}
	}
	return nil
}

// closeShard ends the open shard. It is brought to the disk while the next one is filled, one at a time.
func (w *shardWriter) closeShard() error {
	if err := w.flushed(); err != nil {
		return err
	}
	sum := hex.EncodeToString(w.hash.Sum(nil))
	shard := Shard{File: ShardFile(sum), Size: w.offset - w.start, SHA256: sum, Buffer: w.buffer, Offset: w.start}
	w.shards = append(w.shards, shard)
	w.flushing = make(chan error, 1)
	go func(f *os.File, done chan<- error) {
		err := errors.Join(f.Sync(), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), filepath.Join(w.dir, shard.File))
		}
		done <- err
	}(w.file, w.flushing)
	w.file = nil
	return nil
}

// flushed waits for the shard that is on its way to the disk.
func (w *shardWriter) flushed() error {
	if w.flushing == nil {
		return nil
	}
	err := <-w.flushing
	w.flushing = nil
	return err
}

// finish fills the buffers up and closes the last shard.
func (w *shardWriter) finish() ([]Shard, error) {
	if last := len(w.buffers) - 1; last >= 0 {
		if err := w.seek(last, w.buffers[last].Size); err != nil {
			return nil, err
		}
	}
	if err := w.flushed(); err != nil {
		return nil, fmt.Errorf("weights: shard %d: %w", len(w.shards)-1, err)
	}
	return w.shards, nil
}

// abort closes what is open; the folder is the caller's to remove.
func (w *shardWriter) abort() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	_ = w.flushed() // what went wrong before is what counts
}
