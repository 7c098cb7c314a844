package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// logits writes a row of logits for each prompt token, and of drafts if wanted.
func logits(ctx context.Context, args []string, to streams) error {
	a, err := parseLogits(args)
	if err != nil {
		return err
	}
	names := []string{a.out}
	if a.draft != "" {
		names = append(names, a.draft)
	}
	var files []*rows // of logits, then of drafts
	for _, name := range names {
		file, err := newRows(name)
		if err != nil {
			return fmt.Errorf("cannot write %s: %w", name, err)
		}
		defer file.discard()
		files = append(files, file)
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		err := host.Logits(ctx, a.tokens, a.mode, a.draft != "", func(row message.LogitsRow) error {
			if row.Draft {
				return files[1].write(row)
			}
			return files[0].write(row)
		})
		if err != nil {
			return err
		}
		for i, file := range files { // the last token has no draft: its successor is unknown
			if want := len(a.tokens) - i; file.count != want {
				return fmt.Errorf("%s: the engine gave %d rows for %d tokens", file.name, file.count, len(a.tokens))
			}
			if err := file.keep(); err != nil {
				return err
			}
		}
		return nil
	})
}

// rows is a file of rows that appears under its name only when it is complete. A device or a pipe, which cannot be
// replaced, is written to at once.
type rows struct {
	name  string
	file  *os.File // nil once kept or discarded
	whole bool     // file is a temporary one, to be renamed
	count int
}

func newRows(name string) (*rows, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &rows{name: name, file: file}, err
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".logits-*")
	return &rows{name: name, file: file, whole: true}, err
}

func (r *rows) write(row message.LogitsRow) error {
	if int(row.Row) != r.count {
		return fmt.Errorf("%s: row %d came where row %d was due", r.name, row.Row, r.count)
	}
	r.count++
	_, err := r.file.Write(row.Values)
	return err
}

func (r *rows) keep() error {
	var err error
	if r.whole {
		err = errors.Join(r.file.Chmod(0o644), r.file.Close(), os.Rename(r.file.Name(), r.name))
	} else {
		err = r.file.Close()
	}
	if err == nil {
		r.file = nil
	}
	return err
}

func (r *rows) discard() {
	if r.file == nil {
		return
	}
	r.file.Close()
	if r.whole {
		os.Remove(r.file.Name())
	}
}
