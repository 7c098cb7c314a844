package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"tabseek/engine/weights"
	"tabseek/server/commandline"
)

// defaultHub is where models are pulled from unless --hub says otherwise.
const defaultHub = "https://huggingface.co"

// reference is OWNER/NAME[@REVISION][:QUANT].
var reference = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)(?:@([^:@\s]+))?(?::([\w.-]+))?$`)

func pull(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("pull", flag.ContinueOnError)
	planOptions := planFlags(flags, weights.QuantKeep)
	address := flags.String("hub", defaultHub, "address of the hub")
	family := chatFlag(flags)
	force := flags.Bool("force", false, "replace DST")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return err
	}
	if err := commandline.CheckCount(rest, 1, "OWNER/NAME", "DST"); err != nil {
		return err
	}
	options, err := planOptions()
	if err != nil {
		return err
	}
	match := reference.FindStringSubmatch(rest[0])
	if match == nil {
		return commandline.UsageError("%q is not OWNER/NAME, with @REVISION and :QUANT behind it if wanted", rest[0])
	}
	if err := checkChat(*family); err != nil {
		return err
	}
	p := &puller{ctx: ctx, options: options, family: *family, quant: match[4], force: *force, stdout: stdout, stderr: stderr}
	if p.hub, err = newHub(*address, os.Getenv("HF_TOKEN"), func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }); err != nil {
		return commandline.UsageError("--hub %v", err)
	}
	if len(rest) > 1 {
		p.dst = rest[1]
	} else if p.dst, err = defaultDestination(match[2], match[4], options.Quant); err != nil {
		return err
	}
	if _, err := os.Lstat(p.dst); err == nil && !*force {
		return fmt.Errorf("%s is there already; --force replaces it", p.dst)
	}
	if p.repository, err = p.hub.list(ctx, match[1], match[2], cmp.Or(match[3], defaultRevision)); err != nil {
		return err
	}
	return p.run()
}

// modelsFolder is where models are pulled to, and served from.
func modelsFolder() (string, error) {
	home, err := os.UserHomeDir()
	data := filepath.Join(home, ".local", "share")
	switch {
	case os.Getenv("XDG_DATA_HOME") != "":
		return filepath.Join(os.Getenv("XDG_DATA_HOME"), "tabseek", "models"), nil
	case runtime.GOOS == "windows" && os.Getenv("LOCALAPPDATA") != "":
		return filepath.Join(os.Getenv("LOCALAPPDATA"), "tabseek", "models"), nil
	case err != nil:
		return "", err
	case runtime.GOOS == "darwin":
		data = filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(data, "tabseek", "models"), nil
}

func defaultDestination(name, quant string, packed weights.Quant) (string, error) {
	folder, err := modelsFolder()
	if quant != "" {
		name += "-" + quant
	}
	if packed != weights.QuantKeep {
		name += "-" + string(packed)
	}
	return filepath.Join(folder, name), err
}

// A puller brings one model.
type puller struct {
	ctx        context.Context
	hub        *hub
	repository *repository
	options    weights.PlanOptions
	family     string
	quant      string // of the GGUF file that is wanted
	dst        string
	force      bool
	stdout     io.Writer
	stderr     io.Writer

	staging    string
	checkpoint *checkpoint
	inventory  *weights.Inventory
	files      []*remoteFile // with weights, in order
}

func (p *puller) run() (err error) {
	if p.dst, err = filepath.Abs(p.dst); err != nil {
		return err
	}
	p.staging = filepath.Join(filepath.Dir(p.dst), "."+filepath.Base(p.dst)+".pulling")
	if err := os.MkdirAll(p.staging, 0o755); err != nil {
		return err
	}
	defer func() {
		switch {
		case err == nil:
		case p.worthKeeping(err):
			err = fmt.Errorf("%w; the same command goes on where this one stopped", err)
		default:
			err = errors.Join(err, os.RemoveAll(p.staging))
		}
	}()
	if err := p.open(); err != nil {
		return err
	}
	if p.checkpoint.warning != "" {
		fmt.Fprintf(p.stderr, "tabseek pull: %s: %s\n", p.repository, p.checkpoint.warning)
	}
	plan, err := planOf(p.checkpoint, p.inventory, p.options)
	if err != nil {
		return err
	}
	sayRounded(p.stderr, "pull", p.repository.String(), plan)
	var total int64
	for _, f := range p.files {
		total += f.size
	}
	p.checkpoint.seed.License = cmp.Or(p.repository.license, p.checkpoint.seed.License)
	license := cmp.Or(p.checkpoint.seed.License, "not said")
	p.checkpoint.seed.Origin = fmt.Sprintf("%s@%s", p.hub.at(p.repository.owner, p.repository.name), p.repository.pinned())
	fmt.Fprintf(p.stderr, "%s@%.12s: %d files of weights, %s; packed %s; license: %s\n", p.repository, p.repository.pinned(), len(p.files), humanBytes(total), humanBytes(plan.Bytes()), license)
	if err := checkSpace(p.staging, plan.Bytes()); err != nil {
		return err
	}
	transfer := &transfer{puller: p, plan: plan, bar: commandline.NewProgress(p.stderr, total, humanBytes)}
	manifest, err := transfer.run()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: %d tensors, %d shards, %s\n", p.dst, len(manifest.Tensors), len(manifest.Shards), humanBytes(manifest.Bytes()))
	return nil
}

// worthKeeping tells whether what was brought so far is of use after an error: one of the line, not of the content.
func (p *puller) worthKeeping(err error) bool {
	var never permanent
	var status *statusError
	return !errors.As(err, &never) && !errors.Is(err, syscall.ENOSPC) &&
		(p.ctx.Err() != nil || errors.As(err, &status) || errors.Is(err, errLine))
}

// errLine marks what a connection is to blame for.
var errLine = errors.New("the connection is gone")

// The files beside the weights that tell of a model; those that are not there are not needed.
var describing = []string{"config.json", "generation_config.json", tokenizerJSON, tiktokenModel, "tokenizer_config.json", "chat_template.jinja"}

// open reads all that tells of the model, and where its tensors are.
func (p *puller) open() error {
	gguf, err := p.chooseGGUF()
	if err != nil {
		return err
	}
	if gguf != nil {
		if err := p.openFiles(gguf); err != nil {
			return err
		}
		return p.openGGUF()
	}
	names, err := p.chooseSafetensors()
	if err != nil {
		return err
	}
	source := filepath.Join(p.staging, "source")
	if err := os.MkdirAll(source, 0o755); err != nil {
		return err
	}
	for _, name := range describing {
		if _, ok := p.repository.files[name]; !ok {
			continue
		}
		data, err := p.small(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(source, name), data, 0o644); err != nil {
			return err
		}
	}
	if p.checkpoint, err = readCheckpoint(source, p.family); err != nil {
		return p.naming(source, err)
	}
	p.checkpoint.seed.Name = p.repository.name
	if err := p.openFiles(names); err != nil {
		return err
	}
	if _, p.inventory, err = weights.InventoryOfFiles(p.repository.String(), p.sources()); err != nil {
		return err
	}
	return p.keepHeads()
}

// headFile is where the header of a file is kept, so that going on asks for none twice.
func (p *puller) headFile(f *remoteFile) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%s", p.hub.base, p.repository, p.repository.pinned(), f.size, f.name+"\x00"+f.sha256))
	return filepath.Join(p.staging, "headers", hex.EncodeToString(sum[:8]))
}

// keepHeads keeps the headers that were read.
func (p *puller) keepHeads() error {
	if err := os.MkdirAll(filepath.Join(p.staging, "headers"), 0o755); err != nil {
		return err
	}
	for _, f := range p.files {
		file := p.headFile(f)
		if err := os.WriteFile(file+".new", f.head, 0o644); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
	}
	return nil
}

// naming says the repository's name where an error names a folder that a person has never heard of.
func (p *puller) naming(folder string, err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), folder, p.repository.String()))
}

// small fetches a small file whole.
func (p *puller) small(name string) ([]byte, error) {
	f, err := p.remote(name)
	if err != nil {
		return nil, err
	}
	data, err := f.readAll(maxTextFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.repository, err)
	}
	if err := f.verify(data); err != nil {
		return nil, fmt.Errorf("%s: %w", p.repository, err)
	}
	return data, nil
}

func (p *puller) remote(name string) (*remoteFile, error) {
	listed, ok := p.repository.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: has no %s", p.repository, name)
	}
	f := &remoteFile{ctx: p.ctx, hub: p.hub, of: p.repository, name: name, size: listed.size, sha256: listed.sha256}
	return f, f.measure()
}

func (p *puller) openFiles(names []string) error {
	for _, name := range names {
		f, err := p.remote(name)
		if err != nil {
			return err
		}
		if f.head, err = os.ReadFile(p.headFile(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.files = append(p.files, f)
	}
	return nil
}

func (p *puller) sources() []weights.SourceFile {
	var files []weights.SourceFile
	for _, f := range p.files {
		files = append(files, weights.SourceFile{Name: f.name, Size: f.size, Data: f})
	}
	return files
}

// openGGUF reads the header of a GGUF file.
func (p *puller) openGGUF() error {
	metadata, inventory, err := weights.InventoryOfFiles(p.repository.String(), p.sources())
	if err != nil {
		return err
	}
	p.inventory = inventory
	if err := p.keepHeads(); err != nil {
		return err
	}
	if p.checkpoint, err = readGGUF(metadata, inventory, p.files[0].name, p.family); err != nil {
		return err
	}
	p.checkpoint.seed.Name = p.repository.name
	return nil
}
