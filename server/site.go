package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tabseek/server/commandline"
	"tabseek/web"
)

// site writes what the server would answer into a folder that does not exist yet, for hosts of static files. NAME.br lies beside
// NAME, as such hosts want it.
func site(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("site", flag.ContinueOnError)
	var folders stringList
	flags.Var(&folders, "models", "a packed model, or a folder of packed models; may be repeated")
	names, err := parse(flags, args, "DST")
	if err != nil {
		return err
	}
	dst := names[0]
	models, err := findModels(folders)
	if err != nil {
		return err
	}
	if _, err := fs.Stat(web.Files(), "index.html"); err != nil {
		return errors.New("the page is not built in: run make build")
	}
	h, err := newHandler(web.Files(), hosted{models: models}, slog.New(slog.DiscardHandler), false)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already", dst)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dst)), ".tabseek-site-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	for path, res := range h.resources {
		if _, ok := pages[path]; ok {
			continue // they are there by their names
		}
		if err := writeResource(ctx, filepath.Join(temporary, filepath.FromSlash(path)), res); err != nil {
			return err
		}
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	if err := os.Rename(temporary, dst); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: the page and %d models\n", dst, len(models))
	return nil
}

func writeResource(ctx context.Context, name string, res resource) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if res.brotli != nil {
		if err := writeBody(name+".br", *res.brotli); err != nil {
			return err
		}
	}
	return writeBody(name, res.body)
}

func writeBody(name string, b body) error {
	from, err := b.open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// healthTimeout is how long a server may take to say that it is there.
const healthTimeout = 3 * time.Second

// health asks a server whether it is there.
func health(ctx context.Context, args []string, _ io.Reader, _, _ io.Writer) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 1 {
		return commandline.UsageError("health takes one URL")
	}
	url := "http://127.0.0.1:8080"
	if len(rest) == 1 {
		url = rest[0]
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
