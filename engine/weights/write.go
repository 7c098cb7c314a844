package weights

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Seed is the part of a manifest that does not come from the plan.
type Seed struct {
	Name         string // of the source, as shown to people
	Origin       string // see Source
	License      string
	Architecture json.RawMessage // an object
	Tokenizer    []byte          // compiled
	Chat         string
	ChatWords    ChatWords
	Special      Special
	Generation   Generation

	TokenizerJSON []byte // what the tokenizer was compiled of: kept for people, not read again
}

// WriteOptions are the choices of Write that do not change what is written.
type WriteOptions struct {
	// Force replaces dst if it is an empty folder or a packed model.
	Force bool
	// Progress, if not nil, is called with bytes of packed weights.
	Progress func(done, total int64)
	// ShardSize is a multiple of 256 bytes; 0 means MaxShardSize.
	ShardSize int64
}

// bandElements is how many numbers are read, converted and written at a time.
const bandElements = 1 << 20

// Write packs a model into the folder dst, which must not exist unless
// opts.Force. Everything is written to a folder beside dst and renamed at the
// end: on failure, or when ctx is cancelled, nothing is left and an old dst is
// as it was.
func Write(ctx context.Context, plan *Plan, inv *Inventory, seed Seed, dst string, opts WriteOptions) (*Manifest, error) {
	return stage(ctx, plan, seed, dst, opts, func(out *shardWriter) error {
		p := packer{ctx: ctx, plan: plan, progress: opts.Progress, reader: bandReader{inv: inv}, out: out}
		return p.run()
	})
}

// stage writes a packed model whose bytes fill brings, in the order of the plan.
func stage(ctx context.Context, plan *Plan, seed Seed, dst string, opts WriteOptions, fill func(*shardWriter) error) (m *Manifest, err error) {
	dst = filepath.Clean(dst)
	shardSize := cmp.Or(opts.ShardSize, MaxShardSize)
	if shardSize < PlaneAlign || shardSize > MaxShardSize || shardSize%PlaneAlign != 0 {
		return nil, fmt.Errorf("weights: shards of %d bytes: want a multiple of %d, at most %d", shardSize, PlaneAlign, MaxShardSize)
	}
	if err := checkTarget(dst, opts.Force); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".packing-*")
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	defer func() {
		if rm := os.RemoveAll(tmp); err == nil && rm != nil {
			err = fmt.Errorf("weights: %w", rm)
		}
	}()
	staged := filepath.Join(tmp, "model")
	if err := os.Mkdir(staged, 0o755); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	out := &shardWriter{dir: staged, shardSize: shardSize, buffers: plan.Buffers}
	defer out.abort()
	if err := fill(out); err != nil {
		return nil, err
	}
	shards, err := out.finish()
	if err != nil {
		return nil, err
	}
	m, err = writeManifest(staged, plan, seed, shards)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if err := replace(staged, dst, tmp+".old", opts.Force); err != nil {
		return nil, err
	}
	return m, nil
}

// packer streams the tensors of a plan into shards.
type packer struct {
	ctx      context.Context
	plan     *Plan
	progress func(done, total int64)
	reader   bandReader
	out      *shardWriter
	done     int64 // bytes
	band     []byte
	scales   []byte // of the piece in hand
	scaled   int    // how many blocks or tiles have theirs
}

func (p *packer) run() error {
	for i := range p.plan.Tensors {
		t := &p.plan.Tensors[i]
		for j := range t.Pieces {
			if err := p.piece(t, &t.Pieces[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// piece writes the planes of one piece: the quants as they come, then the
// scales, which are small and wait in memory.
func (p *packer) piece(t *PlannedTensor, piece *Piece) error {
	if piece.Format != "" {
		other := *t
		other.Format, t = piece.Format, &other
	}
	if err := p.out.seek(piece.Quants.Buffer, piece.Quants.Offset); err != nil {
		return err
	}
	_, rows, _ := t.Dims()
	firstMatrix, matrices, firstRow, endRow := 0, 1, 0, rows
	switch len(t.Shape) {
	case 2:
		firstRow, endRow = piece.First, piece.First+piece.Count
	case 3:
		firstMatrix, matrices = piece.First, piece.Count
	}
	p.scales, p.scaled = nil, 0
	if piece.Scales != nil {
		p.scales = make([]byte, piece.Scales.Size)
	}
	for m := firstMatrix; m < firstMatrix+matrices; m++ {
		if err := p.rows(t, t.Matrices[m], firstRow, endRow); err != nil {
			return err
		}
	}
	if piece.Scales == nil {
		return nil
	}
	if err := p.out.seek(piece.Scales.Buffer, piece.Scales.Offset); err != nil {
		return err
	}
	return p.out.write(p.scales)
}

// rows writes rows [first, end) of a packed matrix, and gathers their scales.
func (p *packer) rows(t *PlannedTensor, parts Parts, first, end int) error {
	_, _, k := t.Dims()
	bandRows := max(1, bandElements/k)
	at := first
	for i, view := range parts {
		start := 0
		if i > 0 {
			start = t.PartsAt[i]
		}
		n, _ := view.Size()
		stop := min(end, start+n)
		if at >= stop {
			continue
		}
		if at < start { // the rows between two FP8 parts
			if err := p.emit(make([]byte, (start-at)*BlocksPerRow(k)*t.Format.BlockBytes())); err != nil {
				return err
			}
			at = start
		}
		if t.Format == FP8E4M3 {
			list, err := p.reader.viewScales(view)
			if err != nil {
				return err
			}
			for _, s := range list[(at-start)/TileElems*Tiles(k) : Tiles(stop-start)*Tiles(k)] {
				le.PutUint32(p.scales[4*p.scaled:], math.Float32bits(s))
				p.scaled++
			}
		}
		for at < stop {
			if err := p.ctx.Err(); err != nil {
				return fmt.Errorf("weights: slot %s: %w", t.Name, err)
			}
			count := min(bandRows, stop-at)
			if err := p.bandOf(t, view, at-start, count); err != nil {
				return err
			}
			at += count
		}
	}
	if at < end { // a piece that ends between two FP8 parts
		return p.emit(make([]byte, (end-at)*BlocksPerRow(k)*t.Format.BlockBytes()))
	}
	return nil
}

// bandOf packs a few rows of a view.
func (p *packer) bandOf(t *PlannedTensor, view View, first, n int) error {
	band, err := p.pack(t, view, first, n)
	if err != nil {
		return err
	}
	return p.emit(band)
}

// pack packs a few rows of a view; their scales go to p.scales from the place of block p.scaled on.
func (p *packer) pack(t *PlannedTensor, view View, first, n int) ([]byte, error) {
	_, k := view.Size()
	blocks := BlocksPerRow(k)
	rowBytes := blocks * t.Format.BlockBytes()
	p.band = resize(p.band, n*rowBytes)
	source, _ := p.reader.inv.Tensor(view.Source)
	if own, _ := source.DType.format(); embeds(t.Format, own) && source.DType.holds(view) {
		raw, err := p.reader.raw(view, first, n)
		if err != nil {
			return nil, err
		}
		elems, size := source.DType.blocks()
		width := k / elems * size
		for r := range n {
			from, to := raw[r*width:(r+1)*width], p.band[r*rowBytes:(r+1)*rowBytes]
			switch {
			case elems == 1:
				clear(to[copy(to, from):])
				continue
			case own == t.Format:
				relayRow(own, from, to, p.scales, p.scaled)
			default:
				clear(to)
				embedRow(t.Format, source.DType, from, to, p.scales, p.scaled)
			}
			p.scaled += blocks
		}
	} else {
		values, err := p.reader.floats(view, first, n)
		if err != nil {
			return nil, err
		}
		for r := range n {
			if err := p.encode(t.Format, values[r*k:(r+1)*k], p.band[r*rowBytes:(r+1)*rowBytes]); err != nil {
				return nil, source.errorf("row %d for slot %s: %w", first+r, t.Name, err)
			}
		}
	}
	if len(t.Shape) == 1 { // vectors have no padding
		return p.band[:4*k], nil
	}
	return p.band, nil
}

// encode packs a row.
func (p *packer) encode(f Format, row []float32, quants []byte) error {
	var scales []byte
	if f.HasScales() {
		scales = p.scales[p.scaled/planes[f].blocks*planes[f].entry:]
		p.scaled += BlocksPerRow(len(row))
	}
	return EncodeRow(f, row, quants, scales)
}

func (p *packer) emit(data []byte) error {
	if err := p.out.write(data); err != nil {
		return err
	}
	p.done += int64(len(data))
	if p.progress != nil {
		p.progress(p.done, p.plan.Bytes())
	}
	return nil
}

// writeManifest writes the tokenizer and, last of all, model.json.
func writeManifest(dir string, plan *Plan, seed Seed, shards []Shard) (*Manifest, error) {
	sum := sha256.Sum256(seed.Tokenizer)
	m := &Manifest{
		Format: ManifestFormat, Version: ManifestVersion,
		Architecture: seed.Architecture,
		Buffers:      plan.Buffers, Shards: shards,
		Tokenizer:  TokenizerFile{File: tokenizerName, Size: int64(len(seed.Tokenizer)), SHA256: hex.EncodeToString(sum[:])},
		Chat:       seed.Chat,
		ChatWords:  seed.ChatWords,
		Special:    seed.Special,
		Generation: seed.Generation,
		Source:     Source{Name: seed.Name, Quant: plan.Quant, Origin: seed.Origin, License: seed.License, Formats: plan.Formats},
	}
	for i := range plan.Tensors {
		m.Tensors = append(m.Tensors, plan.Tensors[i].Tensor)
	}
	if m.Special.EOS == nil {
		m.Special.EOS = []int{}
	}
	data, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	m, err = ParseManifest(data)
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{tokenizerName: seed.Tokenizer, tokenizerJSONName: seed.TokenizerJSON} {
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return nil, err
		}
	}
	return m, writeFile(filepath.Join(dir, ManifestFile), data)
}

func writeFile(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	return nil
}

// checkTarget refuses a dst that must not be replaced.
func checkTarget(dst string, force bool) error {
	info, err := os.Lstat(dst)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	if !force {
		return fmt.Errorf("weights: %s: %w", dst, fs.ErrExist)
	}
	if !info.IsDir() {
		return fmt.Errorf("weights: %s: not a folder, will not replace it", dst)
	}
	list, err := os.ReadDir(dst)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	packed := len(list) == 0
	for _, e := range list {
		if e.Name() == ManifestFile {
			packed = isPacked(filepath.Join(dst, ManifestFile))
			continue
		}
		// A file that no packed model holds belongs to somebody.
		if e.IsDir() || e.Name() != tokenizerName && e.Name() != tokenizerJSONName && !isShardName(e.Name()) {
			return fmt.Errorf("weights: %s: holds %s, which is not part of a packed model, will not replace it", dst, e.Name())
		}
	}
	if !packed {
		return fmt.Errorf("weights: %s: neither empty nor a packed model, will not replace it", dst)
	}
	return nil
}

// isPacked looks for the format's name only: a damaged or older model may be
// replaced as well.
func isPacked(path string) bool {
	data, err := readFileLimited(path, maxManifestSize)
	if err != nil {
		return false
	}
	var head struct {
		Format string `json:"format"`
	}
	return json.Unmarshal(data, &head) == nil && head.Format == ManifestFormat
}

func isShardName(name string) bool {
	sum, ok := strings.CutPrefix(name, "sha256-")
	sum, bin := strings.CutSuffix(sum, ".bin")
	return ok && bin && validSHA256(sum)
}

// replace moves the staged model to dst. An old dst is moved to old, and back
// again if the new one cannot take its place.
func replace(staged, dst, old string, force bool) error {
	if err := checkTarget(dst, force); err != nil {
		return err
	}
	moved := false
	if _, err := os.Lstat(dst); err == nil {
		if err := os.Rename(dst, old); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		moved = true
	}
	err := os.Rename(staged, dst)
	switch {
	case moved && err == nil:
		err = os.RemoveAll(old)
	case moved:
		err = errors.Join(err, os.Rename(old, dst))
	}
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	return nil
}
