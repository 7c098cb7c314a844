package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tabseek/engine/gpu"
)

const (
	manifestFile = "model.json"
	maxTextFile  = 64 << 20 // of model.json and of the tokenizer: both go through the guest's memory
	readAhead    = 3        // shards read and hashed while one is written
)

// readModel reads model.json and the tokenizer it names, which is checked like a shard.
func readModel(model fs.FS) (manifest, tokenizer []byte, err error) {
	info, err := fs.Stat(model, manifestFile)
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > maxTextFile {
		return nil, nil, fmt.Errorf("%s: %d bytes, at most %d are read", manifestFile, info.Size(), maxTextFile)
	}
	if manifest, err = fs.ReadFile(model, manifestFile); err != nil {
		return nil, nil, err
	}
	var names struct {
		Tokenizer struct {
			File   string `json:"file"`
			Size   uint64 `json:"size"`
			SHA256 string `json:"sha256"`
		} `json:"tokenizer"`
	}
	if err := json.Unmarshal(manifest, &names); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	t := names.Tokenizer
	if t.File == "" || t.Size > maxTextFile {
		return nil, nil, fmt.Errorf("%s: the tokenizer is %q with %d bytes", manifestFile, t.File, t.Size)
	}
	if tokenizer, err = readVerified(model, t.File, t.Size, t.SHA256); err != nil {
		return nil, nil, fmt.Errorf("tokenizer %w", err)
	}
	return manifest, tokenizer, nil
}

// readVerified reads a file that must have the size and the SHA-256 (lower-case hex). Its errors begin with the file's name.
func readVerified(files fs.FS, name string, size uint64, sum string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	if uint64(info.Size()) != size {
		return nil, fmt.Errorf("%s: has %d bytes, expected %d", name, info.Size(), size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
		return nil, fmt.Errorf("%s: SHA-256 is %x, expected %s", name, got, sum)
	}
	return data, nil
}

// reason takes the file's name off an error that is to be named differently.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// readShards reads and verifies shards ahead of their use, and passes them to use in order.
func readShards(ctx context.Context, files fs.FS, shards []gpu.Upload, use func(gpu.Upload, []byte) error) error {
	type outcome struct {
		data []byte
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reads := make(chan chan outcome, readAhead)
	go func() {
		defer close(reads)
		for _, s := range shards {
			read := make(chan outcome, 1)
			select {
			case reads <- read:
			case <-ctx.Done():
				return
			}
			go func() {
				data, err := readVerified(files, s.File, s.Size, s.SHA256)
				read <- outcome{data, err}
			}()
		}
	}()
	for _, s := range shards {
		read, ok := <-reads
		if !ok || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		got := <-read
		if got.err != nil {
			return fmt.Errorf("shard %w", got.err)
		}
		if err := use(s, got.data); err != nil {
			return fmt.Errorf("shard %s: %w", s.File, err)
		}
	}
	return nil
}
