package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Verify opens a packed model folder and checks it; see Model.Verify.
func Verify(ctx context.Context, dir string, progress func(done, total int64)) error {
	m, err := OpenModel(dir)
	if err != nil {
		return err
	}
	return m.Verify(ctx, progress)
}

// Verify hashes the tokenizer and every shard, and looks for shards that the
// manifest does not list. The error names the first file that is wrong and says
// how many more there are. progress, if not nil, is called with bytes hashed.
func (m *Model) Verify(ctx context.Context, progress func(done, total int64)) error {
	type file struct {
		name   string
		size   int64
		sha256 string
	}
	files := []file{{m.Tokenizer.File, m.Tokenizer.Size, m.Tokenizer.SHA256}}
	listed := map[string]bool{}
	total := m.Tokenizer.Size
	for _, s := range m.Shards {
		if !listed[s.File] { // equal ranges share a file
			files = append(files, file{s.File, s.Size, s.SHA256})
			total += s.Size
		}
		listed[s.File] = true
	}
	var first error
	problems := 0
	problem := func(name string, err error) {
		if problems++; first == nil {
			first = fmt.Errorf("weights: %s/%s: %w", m.Dir, name, err)
		}
	}
	done := int64(0)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("weights: %s: %w", m.Dir, err)
		}
		if err := verifyFile(m.fsys, f.name, f.size, f.sha256); err != nil {
			problem(f.name, err)
		}
		done += f.size
		if progress != nil {
			progress(done, total)
		}
	}
	list, err := fs.ReadDir(m.fsys, ".")
	if err != nil {
		return fmt.Errorf("weights: %s: %w", m.Dir, err)
	}
	for _, e := range list {
		if isShardName(e.Name()) && !listed[e.Name()] {
			problem(e.Name(), fmt.Errorf("extra shard, not listed in %s", ManifestFile))
		}
	}
	if problems > 1 {
		return fmt.Errorf("%w (and %d more)", first, problems-1)
	}
	return first
}

func verifyFile(fsys fs.FS, name string, size int64, want string) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Size() != size {
		return fmt.Errorf("%d bytes, want %d", info.Size(), size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("sha256 is %s, want %s", got, want)
	}
	return nil
}
