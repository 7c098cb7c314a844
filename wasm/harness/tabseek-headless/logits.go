package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tabseek/wasm/harness"
)

// logits writes a row of logits for each prompt token, and of drafts if wanted.
func logits(ctx context.Context, args []string, to streams) error {
	a, err := parseLogits(args)
	if err != nil {
		return err
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		out, err := newRows(a.out)
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		defer out.discard()
		files := []*rows{out}
		if a.draft != "" {
			draft, err := newRows(a.draft)
			if err != nil {
				return fmt.Errorf("--draft: %w", err)
			}
			defer draft.discard()
			files = append(files, draft)
		}
		err = host.Logits(ctx, a.tokens, a.mode, a.draft != "", func(row harness.Row) error {
			file := out
			if row.Draft {
				file = files[len(files)-1]
			}
			return file.write(row)
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

// rows is a file of rows that appears under its name only when it is complete.
type rows struct {
	name  string
	file  *os.File // nil once kept or discarded
	count int
}

func newRows(name string) (*rows, error) {
	file, err := os.CreateTemp(filepath.Dir(name), ".logits-*")
	if err != nil {
		return nil, err
	}
	return &rows{name: name, file: file}, nil
}

func (r *rows) write(row harness.Row) error {
	if row.Index != r.count {
		return fmt.Errorf("%s: row %d came where row %d was due", r.name, row.Index, r.count)
	}
	r.count++
	_, err := r.file.Write(row.Values)
	return err
}

func (r *rows) keep() error {
	err := errors.Join(r.file.Chmod(0o644), r.file.Close(), os.Rename(r.file.Name(), r.name))
	if err == nil {
		r.file = nil
	}
	return err
}

func (r *rows) discard() {
	if r.file != nil {
		r.file.Close()
		os.Remove(r.file.Name())
	}
}
